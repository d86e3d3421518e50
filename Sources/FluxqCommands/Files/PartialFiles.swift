import Glibc
import Synchronization

/// Files on their way into a directory under temporary names, which a signal that ends this program takes away.
enum PartialFiles {
    private struct File: Hashable {
        let directory: Int32
        let name: String
    }

    private static let files = Mutex<Set<File>>([])

    /// - Parameter directory: open as long as the file is named here.
    static func add(_ name: String, in directory: Int32) {
        files.withLock { _ = $0.insert(File(directory: directory, name: name)) }
    }

    /// The file has its own name by now, or is gone.
    static func forget(_ name: String, in directory: Int32) {
        files.withLock { _ = $0.remove(File(directory: directory, name: name)) }
    }

    /// Takes them all away.
    static func remove() {
        files.withLock { files in
            for file in files { unlinkat(file.directory, file.name, 0) }
            files = []
        }
    }
}
