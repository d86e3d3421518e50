import FluxqControl
import FluxqDiskFaults
import FluxqProofKit
import Foundation

/// What somebody outside of the daemon knew at a point of the trace, and what must therefore be on the disk.
struct Mark: Codable, Sendable {
    enum Seen: Codable, Sendable {
        /// A submit was acknowledged.
        case submitted(prompt: String, job: Int64)
        /// An upload was.
        case input(hash: String)
        /// A watcher was told.
        case event(EventDocument)
        /// A client was shown a job that has ended, and fetched what it made.
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

/// Puts marks into a trace, each with the API's ledger as it stands.
struct Marker: Sendable {
    let api: ProofAPI
    let marks: TraceMarks

    func saw(_ seen: Mark.Seen) async throws {
        // The count first: what the mark says of the API is then true of every later moment as well.
        let calls = try await api.ledger().count
        try marks.add(try Mark(calls: calls, seen: seen).text)
    }
}
