import ArgumentParser
import FluxqImagesAPI
import FluxqModel

/// A defect planted on purpose, to see that the simulation finds it.
enum Plant: String, CaseIterable, ExpressibleByArgument {
    /// An unknown outcome is sent again under the same attempt.
    case sendTwice = "send-twice"
    /// What was answered is told to the workers as unknown.
    case forgetAnswer = "forget-answer"
    /// A call that broke off after it was sent is told to the workers as never sent.
    case denySending = "deny-sending"
    /// The calls of a dead process get no end at the next start.
    case skipRecovery = "skip-recovery"
    /// A start empties incoming/ of the pictures that a dead process had received and not recorded.
    case emptyIncoming = "empty-incoming"
    /// A picture's file is gone from the archive.
    case losePicture = "lose-picture"
    /// One call more at once than is allowed.
    case oneTooMany = "one-too-many"
    /// Pauses end a minute late.
    case oversleep
    /// The store's clock is now and then an hour fast, so that a hold or a rate limit is not waited out.
    case hastyClock = "hasty-clock"
    /// A job's state is written past the store.
    case forgeState = "forge-state"
    /// A start begins with a queue that nobody has paused.
    case forgetPause = "forget-pause"

    func apply(to api: any ImagesAPI) -> any ImagesAPI {
        switch self {
        case .sendTwice, .forgetAnswer, .denySending: PlantedAPI(plant: self, api: api)
        default: api
        }
    }
}

private struct PlantedAPI: ImagesAPI {
    let plant: Plant
    let api: any ImagesAPI

    func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport {
        var report = await api.generate(request, picture: picture, receiver: receiver)
        switch (plant, report.outcome) {
        case (.sendTwice, .unknown):
            report = await api.generate(request, picture: picture, receiver: receiver)
        case (.forgetAnswer, .answered):
            report.outcome = .unknown(APIError(message: "planted"))
        case (.denySending, .unknown):
            report.outcome = .notSent(message: "planted")
        default: break
        }
        return report
    }

    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        await api.download(link, into: sink)
    }
}
