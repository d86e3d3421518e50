import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import Synchronization

/// Writes the inline pictures of one answer into files of the archive while the answer streams in. Each picture
/// outlives kill -9 once its text has ended.
final class InlinePictures: PictureReceiver {
    struct Arrival: Sendable {
        var file: IncomingFile
        /// True if its text was base64 to its end.
        var isValid: Bool
    }

    private struct State {
        var head: AnswerHead?
        /// Pictures that are still streaming in.
        var files: [Int: IncomingFile] = [:]
        var arrivals: [Int: Arrival] = [:]
    }

    let call: CallID
    private let spool: Spool
    private let patience: HostPatience
    private let state: Mutex<State>

    /// - Parameters:
    /// - arrivals: the pictures that an earlier process has received, by their ordinals.
    /// - patience: called between two tries to store data that cannot be obtained again.
    init(call: CallID, spool: Spool, arrivals: [Int: Arrival] = [:], patience: @escaping HostPatience) {
        self.call = call
        self.spool = spool
        self.patience = patience
        state = Mutex(State(arrivals: arrivals))
    }

    func beginAnswer(_ head: AnswerHead) async {
        state.withLock { $0.head = head }
    }

    func beginPicture(_ ordinal: Int) async throws -> any PictureSink {
        if let head = state.withLock({ $0.head.take() }) {
            // With this note, a start that finds pictures knows which answer they belong to.
            let note = try AnswerNote(beginning: head).json
            try await untilStored(patience) { () async throws(ArchiveError) in
                try await spool.note(note, of: call)
            }
            CrashPoint.answerBegun.pass()
        }
        let file = try await untilStored(patience) { () async throws(ArchiveError) in
            // No limit here: the answer's reader limits the size of a picture.
            try await spool.receive(limit: .max)
        }
        state.withLock { $0.files[ordinal] = file }
        return PaidPicture(file: file, patience: patience)
    }

    func endPicture(_ ordinal: Int, isValid: Bool) async throws {
        guard let file = state.withLock({ $0.files.removeValue(forKey: ordinal) }) else { return }
        try await untilStored(patience) { () async throws(ArchiveError) in
            try await spool.keep(file, of: call, ordinal: ordinal, isValid: isValid)
        }
        state.withLock { $0.arrivals[ordinal] = Arrival(file: file, isValid: isValid) }
        if isValid { CrashPoint.inlinePictureReceived.pass() }
    }

    func discardPicture(_ ordinal: Int) async {
        state.withLock { _ = $0.arrivals.removeValue(forKey: ordinal) }
        do {
            try await spool.forget(call, ordinal: ordinal)
        } catch {
            // This name is removed with those of the whole call, once the answer is recorded.
        }
    }

    /// The ordinals, in order, of valid pictures that have ended and have not been taken.
    var whole: [Int] {
        state.withLock { state in state.arrivals.filter { $0.value.isValid }.keys.sorted() }
    }

    /// Returns the picture with that ordinal, only once.
    func take(_ ordinal: Int) -> Arrival? {
        state.withLock { $0.arrivals.removeValue(forKey: ordinal) }
    }
}
