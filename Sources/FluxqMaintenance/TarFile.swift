import FluxqHost
import FluxqModel
import Glibc
import SystemPackage

/// A tar archive being written to a file: ustar, with sizes beyond 8 GiB as GNU tar writes them.
///
/// It gets its final name when it is complete and durable. Until then it has a random one.
final class TarFile: Sendable {
    private static let blockBytes = 512

    private let directory: CInt
    private let temporaryName: String
    private let file: CInt
    private let time: Int

    /// - Parameters:
    /// - directory: a directory that no other user can write.
    /// - time: the time of each entry, in seconds since 1970.
    init(in directory: CInt, time: Int) throws(BackupStream.Failure) {
        self.directory = directory
        self.time = time
        temporaryName =
            ".fluxq-backup-"
            + [UInt64.random(in: .min ... .max), .random(in: .min ... .max)]
            .map { String($0, radix: 16) }.joined()
        file = openat(directory, temporaryName, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .system(.last) }
    }

    deinit {
        close(file)
        // Fails if it has its final name already.
        unlinkat(directory, temporaryName, 0)
    }

    func addDirectory(_ name: String) throws(BackupStream.Failure) {
        try write(header("\(name)/", mode: 0o700, bytes: 0, type: "5")[...])
    }

    /// Begins a file. Exactly `bytes` bytes have to follow, then `endFile`.
    func beginFile(_ name: String, mode: Int, bytes: Int64) throws(BackupStream.Failure) {
        try write(header(name, mode: mode, bytes: bytes, type: "0")[...])
    }

    func write(_ bytes: ArraySlice<UInt8>) throws(BackupStream.Failure) {
        var left = bytes
        while !left.isEmpty {
            let count = left.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system(.last) }
            left = left.dropFirst(count)
        }
    }

    func endFile(bytes: Int64) throws(BackupStream.Failure) {
        let rest = Int(bytes % Int64(Self.blockBytes))
        if rest > 0 { try write([UInt8](repeating: 0, count: Self.blockBytes - rest)[...]) }
    }

    /// Ends the archive, makes it durable and gives it its final name, unless that name is in use.
    ///
    /// - Returns: false if the name is in use.
    func finish(as name: String) throws(BackupStream.Failure) -> Bool {
        try write([UInt8](repeating: 0, count: 2 * Self.blockBytes)[...])
        guard fsync(file) == 0 else { throw .system(.last) }
        switch ExclusiveRename.move(temporaryName, to: name, in: directory) {
        case nil: return true
        case .fileExists: return false
        case let code?: throw .system(code)
        }
    }

    private func header(_ name: String, mode: Int, bytes: Int64, type: Character) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: Self.blockBytes)
        func put(_ text: some StringProtocol, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, _ digits: Int) -> String {
            let text = String(number, radix: 8)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(Int(geteuid()) & 0o7777777, 7), at: 108)
        put(octal(Int(getegid()) & 0o7777777, 7), at: 116)
        if bytes < 1 << 33 {
            put(octal(Int(bytes), 11), at: 124)
        } else {
            header[124] = 0x80
            for index in 0..<8 { header[128 + index] = UInt8(truncatingIfNeeded: bytes >> (8 * (7 - index))) }
        }
        put(octal(time, 11), at: 136)
        put("        ", at: 148)
        put(String(type), at: 156)
        put("ustar", at: 257)
        put("00", at: 263)
        let sum = header.reduce(0) { $0 + Int($1) }
        put(octal(sum, 6) + "\u{0} ", at: 148)
        return header
    }
}
