import Foundation

/// The contents of a directory by relative path.
package struct DirectoryImage: Hashable, Sendable {
    package struct File: Hashable, Sendable {
        package var bytes: [UInt8]
        /// Permissions.
        package var mode: Int

        package init(bytes: [UInt8], mode: Int) {
            self.bytes = bytes
            self.mode = mode
        }
    }

    package var files: [String: File] = [:]
    package var directories: Set<String> = []

    package init() {}

    /// The current contents of a directory.
    package init(reading path: String) throws {
        let root = URL(filePath: path).resolvingSymlinksInPath().path
        let contents = FileManager.default.enumerator(atPath: root)
        while let name = contents?.nextObject() as? String {
            var isDirectory = ObjCBool(false)
            guard FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isDirectory) else { continue }
            if isDirectory.boolValue {
                directories.insert(name)
            } else {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(root)/\(name)")
                files[name] = File(
                    bytes: Array(try Data(contentsOf: URL(filePath: "\(root)/\(name)"))),
                    mode: attributes[.posixPermissions] as? Int ?? 0)
            }
        }
    }

    /// Replaces the contents of a directory with this image.
    package func write(to path: String) throws {
        if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        let mode: [FileAttributeKey: Any] = [.posixPermissions: 0o700]
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: mode)
        for directory in directories.sorted() {
            try FileManager.default.createDirectory(
                atPath: "\(path)/\(directory)", withIntermediateDirectories: false, attributes: mode)
        }
        for (name, file) in files {
            try Data(file.bytes).write(to: URL(filePath: "\(path)/\(name)"))
            try FileManager.default.setAttributes([.posixPermissions: file.mode], ofItemAtPath: "\(path)/\(name)")
        }
    }

    /// The differences from another image, one line for each path; empty if there are none.
    package func differences(from other: DirectoryImage) -> [String] {
        let paths = Set(files.keys).union(other.files.keys).sorted()
        let contents = paths.compactMap { path -> String? in
            switch (files[path], other.files[path]) {
            case (let mine?, let theirs?) where mine != theirs:
                let at = zip(mine.bytes, theirs.bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                return "\(path): \(mine.bytes.count) bytes (mode \(mine.mode)) against \(theirs.bytes.count) "
                    + "(\(theirs.mode)), different from \(at ?? min(mine.bytes.count, theirs.bytes.count))"
            case (_?, nil): return "\(path): only here"
            case (nil, _?): return "\(path): only there"
            default: return nil
            }
        }
        return contents + directories.symmetricDifference(other.directories).sorted().map { "\($0)/: only in one" }
    }
}
