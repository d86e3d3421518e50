import ArgumentParser
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Synchronization

/// A defect planted on purpose, to check that the simulation finds it.
enum Plant: String, CaseIterable, ExpressibleByArgument {
    /// An unknown outcome is sent again under the same attempt.
    case sendTwice = "send-twice"
    /// An answered call is reported to the workers as unknown.
    case forgetAnswer = "forget-answer"
    /// A call that broke off after it was sent is reported to the workers as never sent.
    case denySending = "deny-sending"
    /// The calls of a dead process are not settled at the next start.
    case skipRecovery = "skip-recovery"
    /// A start deletes from incoming/ the pictures that a dead process had received and not recorded.
    case emptyIncoming = "empty-incoming"
    /// A picture's file is deleted from the archive.
    case losePicture = "lose-picture"
    /// One more concurrent call than allowed is made.
    case oneTooMany = "one-too-many"
    /// Pauses end a minute late.
    case oversleep
    /// The store's clock is sometimes an hour fast, so that a hold or a rate limit ends too early.
    case hastyClock = "hasty-clock"
    /// A job's state is written without the store.
    case forgeState = "forge-state"
    /// A start finds the queue not paused.
    case forgetPause = "forget-pause"
    /// A refusal of one owner's call is also reported for the next call of another, so the gate closes for all owners.
    case spreadRefusals = "spread-refusals"
    /// A held lane is probed only after days.
    case neverProbe = "never-probe"
    /// A start finds every lane open.
    case forgetHolds = "forget-holds"
    /// An outage costs attempts: a refusal of the account is reported as a server error.
    case chargeOutages = "charge-outages"

    /// Calls of forgotten jobs no longer count against the limits.
    case refundForgotten = "refund-forgotten"

    /// A request of the OpenAI-compatible routes never gets the job of an identical one.
    case neverJoin = "never-join"
    /// An answer counts as delivered when it is made.
    case noteEarly = "note-early"
    /// Deliveries are not recorded.
    case forgetDelivery = "forget-delivery"
    /// Queued jobs that no client waits for are not canceled.
    case neverAbandon = "never-abandon"
    /// Queued jobs that no client waits for are canceled at once.
    case hastyAbandon = "hasty-abandon"
    /// A request's word that its client does not wait is lost.
    case forgetPreference = "forget-preference"
    /// A client that has gone keeps its seat.
    case holdSeat = "hold-seat"

    func apply(to api: any ImagesAPI) -> any ImagesAPI {
        switch self {
        case .sendTwice, .forgetAnswer, .denySending, .chargeOutages: PlantedAPI(plant: self, api: api)
        case .spreadRefusals: SpreadingAPI(api: api)
        default: api
        }
    }

    func apply(to policy: StorePolicy) -> StorePolicy {
        var policy = policy
        if self == .oneTooMany {
            for index in policy.catalog.endpoints.indices { policy.catalog.endpoints[index].concurrency += 1 }
        }
        if self == .neverProbe { policy.pauses.probe = .init(base: .seconds(86_400), cap: .seconds(86_400)) }
        return policy
    }

    /// Applies the defect to a database that is about to be opened.
    func apply(toDatabase path: String) throws {
        switch self {
        case .forgetPause: try Books.forgetPause(path: path)
        case .forgetHolds: try Books.forgetHolds(path: path)
        case .refundForgotten: try Books.refundForgotten(path: path)
        default: break
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
        case (.chargeOutages, .accountClosed(let error)):
            report.outcome = .serverError(error)
        default: break
        }
        return report
    }

    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        await api.download(link, into: sink)
    }
}

/// After a refused call, returns the same refusal for the next call of the model without making it.
private struct SpreadingAPI: ImagesAPI {
    let api: any ImagesAPI
    private let refusal = Refusal()

    init(api: any ImagesAPI) {
        self.api = api
    }

    private final class Refusal: Sendable {
        let last = Mutex<[String: CallReport]>([:])
    }

    func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport {
        if let last = refusal.last.withLock({ $0.removeValue(forKey: request.model) }) { return last }
        let report = await api.generate(request, picture: picture, receiver: receiver)
        switch report.outcome {
        case .notSent, .accountClosed, .wrongAddress, .rateLimited: refusal.last.withLock { $0[request.model] = report }
        default: break
        }
        return report
    }

    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome {
        await api.download(link, into: sink)
    }
}
