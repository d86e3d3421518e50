import FluxqControl
import FluxqDiskFaults
import FluxqProofKit
import Foundation

/// An observation from outside of the daemon at a point of the trace. It tells what must be on the disk.
struct Mark: Codable, Sendable {
    enum Seen: Codable, Sendable {
        /// A submit was acknowledged.
        case submitted(prompt: String, job: Int64)
        /// An upload was acknowledged.
        case input(hash: String)
        /// A watcher received an event.
        case event(EventDocument)
        /// A client was shown a job that has ended, and fetched its pictures.
        case ended(job: Int64, state: String, reason: String?, pictures: [String])
    }

    /// Calls in the API's ledger by then.
    let calls: Int
    let seen: Seen

    init(calls: Int, seen: Seen) {
        self.calls = calls
        self.seen = seen
    }

    init(_ text: String) throws {
        self = try JSONDecoder().decode(Mark.self, from: Data(text.utf8))
    }

    var text: String {
        get throws { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }
    }
}

/// Puts marks into a trace, each with the current size of the API's ledger.
struct Marker: Sendable {
    let api: ProofAPI
    let marks: TraceMarks

    func saw(_ seen: Mark.Seen) async throws {
        // The count is read first, so that it is also true of every later moment.
        let calls = try await api.ledger().count
        try marks.add(try Mark(calls: calls, seen: seen).text)
    }
}
