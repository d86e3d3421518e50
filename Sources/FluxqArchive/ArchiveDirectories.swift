import FluxqHost
import Glibc
import SystemPackage

/// The directories of the archive, as they are created at start. Every call blocks.
enum ArchiveDirectories {
    /// Creates missing directories, accessible to the daemon's user alone, and makes them durable.
    static func make(in directory: String) throws(ArchiveError) {
        let digits = Array("0123456789abcdef")
        let buckets = digits.flatMap { high in digits.map { low in "\(high)\(low)" } }
        // Each parent with the directories to create in it, from the top down.
        let tree = [
            (directory, ["incoming", "objects"]),
            ("\(directory)/objects", ["sha256"]),
            ("\(directory)/objects/sha256", buckets),
        ]
        for (parent, names) in tree {
            for name in names { _ = try isMade("\(parent)/\(name)") }
            // Syncs even if all existed: the process that created them may have been killed before it synced.
            try OpenFile.syncDirectory(parent)
        }
    }

    /// Creates one directory if it is missing.
    static func make(_ name: String, in parent: String) throws(ArchiveError) {
        _ = try isMade("\(parent)/\(name)")
        try OpenFile.syncDirectory(parent)
    }

    /// - Returns: false if it existed already.
    private static func isMade(_ path: String) throws(ArchiveError) -> Bool {
        do throws(ArchiveError) {
            try system(.create, path) { mkdir(path, 0o700) }
        } catch .failed(_, _, .fileExists) {
            return false
        }
        try OpenFile.syncDirectory(path)
        return true
    }

    /// Removes the files that an earlier daemon left behind.
    static func empty(_ directory: String, except kept: Set<String>) throws(ArchiveError) {
        for name in try names(in: directory) where !kept.contains(name) {
            let path = "\(directory)/\(name)"
            do throws(ArchiveError) {
                try system(.remove, path) { unlink(path) }
            } catch .failed(_, _, .isDirectory) {
                try system(.remove, path) { rmdir(path) }
            }
        }
    }

    static func names(in directory: String) throws(ArchiveError) -> [String] {
        guard let stream = opendir(directory) else { throw ArchiveError(.list, directory, errno: .last) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            // Only errno distinguishes an error from the end.
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw ArchiveError(.list, directory, errno: .last) }
                return names
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: name.pointee)) {
                    String(cString: $0)
                }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }
}
