package import FluxqModel

extension FailureCode: WordedCode {
    private static let resend = "fluxq will not resend it automatically. To resend it: fluxq retry ID"

    package var words: String {
        switch self {
        case .failed(let call): call.words
        case .gaveUp(let attempts, let last):
            "Gave up after \(attempts) failed attempts; the last one was not billed: \(last.words)"
        case .refusedAlone(let times, let last):
            "Gave up after \(times) refusals, while other users' calls succeeded; none was billed: The API rejects this "
                + "job, but not those of other users: \(last?.words ?? "it gave no reason")"
        case .outcomeUnknown(let call, wasResent: true):
            "\(call.words) fluxq resent it as often as allowed (--on-unknown retry); earlier calls may have been billed "
                + "too."
        case .outcomeUnknown(let call, wasResent: false): "\(call.words) \(Self.resend)"
        case .restored(let time):
            "fluxqd was restored from a backup of \(time.iso8601), when this job was queued. It may have been "
                + "called and billed since. \(Self.resend)"
        case .canceledBeforeCall: "Canceled before the API was called; nothing was billed."
        case .abandoned(let seconds):
            "Canceled before the API was called, because its client disconnected and did not ask again within "
                + "\(seconds) s; nothing was billed. Send the request again."
        case .canceledUnbilled: "Canceled. The call did not succeed and was not billed."
        case .canceledDuringCall(let call): "Canceled while it was running. \(call.words)"
        case .canceledDuringDownload(let settlement): settlement.wordsAfterCancel
        case .picturesLost(let settlement): settlement.wordsOfLoss
        case .noUsablePicture(let settlement): settlement.wordsWithoutPicture
        }
    }
}

extension WarningCode: WordedCode {
    package var words: String {
        switch self {
        case .settled(let settlement): settlement.wordsOfWarning
        }
    }
}

extension Settlement {
    private static let longestSentence = 400

    fileprivate var wordsAfterCancel: String {
        let brought =
            saved == 0
            ? "its call returned no picture." : "the paid pictures (\(saved) of \(wanted)) can be fetched."
        return (["Canceled while it was running; \(brought)"] + sentences).joined(separator: " ")
    }

    fileprivate var wordsOfLoss: String {
        let why = sentences.isEmpty ? "" : " " + sentences.joined(separator: " ")
        return "\(lost) of \(saved + lost + unusable) pictures could not be saved:\(why) \(saved) can be fetched."
            + "\(cutOff) A retry buys all of them again."
    }

    fileprivate var wordsWithoutPicture: String {
        let nothing = "The API answered, but sent no complete picture of a known format."
        return ([nothing + cutOff] + sentences + ["The call was billed, and a retry buys it again."])
            .joined(separator: " ")
    }

    fileprivate var wordsOfWarning: String {
        let count = saved < wanted ? "\(saved) of \(wanted) pictures came" : nil
        var parts = count.map { [$0] } ?? []
        if let defect {
            if count == nil { parts.append("\(wanted == 1 ? "The picture" : "All \(wanted) pictures") came") }
            parts.append("the answer was cut off: \(defect.phrase)")
        }
        let whole = parts.joined(separator: "; ")
        if sentences.isEmpty { return whole }
        return ((whole.isEmpty ? [] : [whole + "."]) + sentences).joined(separator: " ")
    }

    /// " The answer was cut off: …", where it was.
    private var cutOff: String { defect.map { " The answer was cut off: \($0.phrase)." } ?? "" }

    /// What is said of single pictures.
    private var sentences: [String] {
        let told = remarks.map { remark in
            let words = remark.words
            return words.count > Self.longestSentence ? words.prefix(Self.longestSentence) + "…" : words
        }
        return told + (moreRemarks > 0 ? ["\(moreRemarks) more pictures have remarks."] : [])
    }
}

extension Settlement.Remark {
    fileprivate var words: String {
        switch about {
        case .flaw: "Picture \(index) \(message.words)."
        case .lost: message.words
        case .unusable(isKept: false): "Picture \(index) cannot be used: \(message.words)"
        case .unusable(isKept: true):
            "Picture \(index) cannot be used, but is kept and can be fetched: \(message.words)"
        }
    }
}
