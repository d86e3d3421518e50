import Glibc
import SystemCallShimInterface

/// Adds a proof's marks to the recorded calls of its daemons.
package final class TraceMarks: Sendable {
    package struct Failure: Error {
        package let errno: CInt
    }

    private let file: CInt

    /// - Parameter path: the trace; created if it is missing.
    package init(path: String) throws {
        file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(errno: errno) }
    }

    deinit {
        close(file)
    }

    /// Adds a mark: every record now in the trace precedes it.
    package func add(_ text: String) throws {
        let text = Array(text.utf8)
        let record = shim_record(
            kind: SHIM_RECORD_MARK.rawValue, path_length: UInt32(text.count), other_length: 0, data_length: 0, inode: 0,
            offset: 0)
        // A single write, because the daemon appends its calls to the same file meanwhile.
        let bytes = withUnsafeBytes(of: record) { Array($0) } + text
        guard write(file, bytes, bytes.count) == bytes.count else { throw Failure(errno: errno) }
    }
}
