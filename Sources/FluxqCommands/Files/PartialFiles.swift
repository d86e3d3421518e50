import Glibc
import Synchronization

/// Partial files with temporary names. A signal that ends this program removes them.
enum PartialFiles {
    private struct File: Hashable {
        let directory: Int32
        let name: String
    }

    private static let files = Mutex<Set<File>>([])

    /// - Parameter directory: must stay open as long as the file is registered here.
    static func add(_ name: String, in directory: Int32) {
        files.withLock { _ = $0.insert(File(directory: directory, name: name)) }
    }

    /// Called once the file has its own name or is gone.
    static func forget(_ name: String, in directory: Int32) {
        files.withLock { _ = $0.remove(File(directory: directory, name: name)) }
    }

    /// Removes all of them.
    static func remove() {
        files.withLock { files in
            for file in files { unlinkat(file.directory, file.name, 0) }
            files = []
        }
    }
}
