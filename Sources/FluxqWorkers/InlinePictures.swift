import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import Synchronization

/// Takes the inline pictures of one answer into files of the archive while the answer streams in, so that each outlives kill -9
/// from the end of its text on.
final class InlinePictures: PictureReceiver {
    struct Arrival: Sendable {
        var file: IncomingFile
        /// Its text was base64 to its end.
        var isValid: Bool
    }

    private struct State {
        var head: AnswerHead?
        /// On their way.
        var files: [Int: IncomingFile] = [:]
        var arrivals: [Int: Arrival] = [:]
    }

    let call: CallID
    private let spool: Spool
    private let patience: HostPatience
    private let state: Mutex<State>

    /// - Parameters:
    ///   - arrivals: what an earlier process has received, by its ordinal.
    ///   - patience: between two tries to store what cannot be obtained a second time.
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
            // A start that finds pictures then knows whose answer they are from.
            let note = try AnswerNote(beginning: head).json
            try await untilStored(patience) { () async throws(ArchiveError) in
                try await spool.note(note, of: call)
            }
            CrashPoint.answerBegun.pass()
        }
        let file = try await untilStored(patience) { () async throws(ArchiveError) in
            // How large a picture may be, the answer's reader knows.
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
            // Its name goes with those of the whole call, once the answer is recorded.
        }
    }

    /// Ordinals of the pictures that came to the end of their text and have not been taken, in order.
    var whole: [Int] {
        state.withLock { state in state.arrivals.filter { $0.value.isValid }.keys.sorted() }
    }

    /// Hands out what came under that number, once.
    func take(_ ordinal: Int) -> Arrival? {
        state.withLock { $0.arrivals.removeValue(forKey: ordinal) }
    }
}
