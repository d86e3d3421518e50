import Crypto
import Foundation

/// Checks each file of the archive.
extension Invariants {
    private struct File {
        let hash: String
        let bytes: Int64
        let isReadOnly: Bool
    }

    /// Blocks the calling thread.
    func fileViolations() throws -> [Violation] {
        var violations: [Violation] = []
        let files = try archivedFiles(&violations)
        for content in state.contents {
            guard let file = files[content.hash] else {
                violations.append(.init(.filesMatch, "\(content.owner) is not in the archive: \(content.hash)"))
                continue
            }
            if let bytes = content.bytes, bytes != file.bytes {
                violations.append(
                    .init(.filesMatch, "\(content.owner) has \(file.bytes) bytes, but its row says \(bytes)"))
            }
        }
        for file in files.values where !file.isReadOnly {
            violations.append(.init(.filesMatch, "\(file.hash) can be written"))
        }
        return violations
    }

    /// Every file of the archive by the SHA-256 of its bytes, after a check of its name.
    private func archivedFiles(_ violations: inout [Violation]) throws -> [String: File] {
        let root = "\(stateDirectory)/objects/sha256"
        let manager = FileManager.default
        var files: [String: File] = [:]
        for bucket in try manager.contentsOfDirectory(atPath: root) {
            for name in try manager.contentsOfDirectory(atPath: "\(root)/\(bucket)") {
                let path = "\(root)/\(bucket)/\(name)"
                let attributes = try manager.attributesOfItem(atPath: path)
                let bytes = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
                let hash = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
                if hash != name || bucket != name.prefix(2) {
                    violations.append(.init(.filesMatch, "\(bucket)/\(name) holds the bytes of \(hash)"))
                }
                let mode = attributes[.posixPermissions] as? Int ?? 0o777
                files[name] = File(hash: name, bytes: Int64(bytes.count), isReadOnly: mode & 0o222 == 0)
            }
        }
        return files
    }
}
