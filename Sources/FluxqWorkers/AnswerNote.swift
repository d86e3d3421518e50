import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FoundationEssentials

/// The known part of a call's answer before it is recorded in the database: a small file beside the inline pictures.
struct AnswerNote: Codable {
    /// True if the answer has ended, so that the report is the call's final one.
    var isComplete: Bool
    var report: CallReport

    private static let interruption = CallTrouble.code(.stoppedWhileReceiving)

    /// Notes an answer that has ended.
    init(_ report: CallReport) {
        isComplete = true
        self.report = report
    }

    /// Notes an answer whose body follows.
    init(beginning head: AnswerHead) {
        isComplete = false
        report = CallReport(
            outcome: .unknown(
                APIError(status: head.status, message: Self.interruption, requestID: head.requestID)),
            sentAt: head.sentAt, status: head.status, requestID: head.requestID)
    }

    /// - Throws: an error if the note is not whole: the host went down before it was on the disk.
    init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(AnswerNote.self, from: Data(json))
    }

    var json: [UInt8] {
        get throws { Array(try JSONEncoder().encode(self)) }
    }

    /// Returns the report that the next start records for the call.
    ///
    /// - Parameter pictures: the inline pictures that were found, by their ordinals.
    static func report(_ note: AnswerNote?, pictures: [Int]) -> CallReport {
        if let note, note.isComplete { return note.report }
        let head = note?.report
        var report =
            head ?? CallReport(outcome: .unknown(APIError(message: interruption)))
        if !pictures.isEmpty {
            report.outcome = .answered(
                Answer(
                    requestID: head?.requestID, items: pictures.map { AnswerItem(inline: $0) }, defect: interruption))
        }
        return report
    }
}
