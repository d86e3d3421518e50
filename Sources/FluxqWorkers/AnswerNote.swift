import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FoundationEssentials

/// What is known of a call's answer while its record is not on the disk: a small file beside the inline pictures.
struct AnswerNote: Codable {
    /// Whether the answer came to its end, so that the report is the call's.
    var isComplete: Bool
    var report: CallReport

    private static let interruption = "fluxqd was stopped while it received the answer"

    /// The answer has come to its end.
    init(_ report: CallReport) {
        isComplete = true
        self.report = report
    }

    /// The answer's body follows.
    init(beginning head: AnswerHead) {
        isComplete = false
        report = CallReport(
            outcome: .unknown(
                APIError(status: head.status, message: "\(Self.interruption).", requestID: head.requestID)),
            sentAt: head.sentAt, status: head.status, requestID: head.requestID)
    }

    /// - Throws: where this is not such a file whole: the host went down before it was on the disk.
    init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(AnswerNote.self, from: Data(json))
    }

    var json: [UInt8] {
        get throws { Array(try JSONEncoder().encode(self)) }
    }

    /// What a start makes of it.
    ///
    /// - Parameter pictures: the inline pictures that were found, by their ordinals.
    static func report(_ note: AnswerNote?, pictures: [Int]) -> CallReport {
        if let note, note.isComplete { return note.report }
        let head = note?.report
        var report =
            head ?? CallReport(outcome: .unknown(APIError(message: "\(interruption).")))
        if !pictures.isEmpty {
            report.outcome = .answered(
                Answer(
                    requestID: head?.requestID, items: pictures.map { AnswerItem(inline: $0) }, defect: interruption))
        }
        return report
    }
}
