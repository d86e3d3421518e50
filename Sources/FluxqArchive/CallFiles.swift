import FluxqModel
import Synchronization

/// An index of the files of `incoming/` by call.
final class CallFiles: Sendable {
    private let files: Mutex<[CallID: Set<CallFile>]>

    init(_ found: [CallFile]) {
        files = Mutex(Dictionary(grouping: found, by: \.call).mapValues(Set.init))
    }

    func insert(_ file: CallFile) {
        files.withLock { _ = $0[file.call, default: []].insert(file) }
    }

    /// Returns the files of a call, pictures first. Deleted in this order, a note outlives the pictures that it
    /// describes.
    func all(of call: CallID) -> [CallFile] {
        files.withLock { $0[call, default: []] }.sorted { $0.name > $1.name }
    }

    func remove(_ file: CallFile) {
        files.withLock { files in
            files[file.call]?.remove(file)
            if files[file.call]?.isEmpty ?? false { files[file.call] = nil }
        }
    }
}
