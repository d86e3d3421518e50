import Crypto
import FluxqFormats
import FluxqHost
import Glibc
import NIOPosix
import SystemPackage

/// The `image` of a request, read as it streams in. A link is kept as text. A picture is decoded into an unnamed file,
/// so that none is ever held in memory.
struct ReceivedPicture {
    enum Defect: Error, Hashable {
        case notBase64
        case linkTooLong
    }

    private enum Content {
        /// Still too short to tell a link from base64.
        case undecided([UInt8])
        case link([UInt8])
        case picture(Base64Decoder, PictureFile)
    }

    private var content = Content.undecided([])
    private var pending: [UInt8] = []
    private var hash = SHA256()
    private var defect: Defect?
    private let directory: String

    static let linkLimitBytes = 8192
    /// Decoded bytes are buffered up to this size before they are written.
    private static let writeBytes = 256 * 1024

    /// - Parameter directory: where the picture's file is created.
    init(directory: String) {
        self.directory = directory
    }

    /// - Throws: `SandboxError` if the file cannot be written. `finish` reports errors of the text itself.
    mutating func consume(_ text: [UInt8]) async throws {
        guard defect == nil else { return }
        switch content {
        case .undecided(let start):
            let start = start + text
            if start.count < "https://".utf8.count {
                content = .undecided(start)
            } else if Self.isLink(start) {
                content = .link([])
                try await consume(start)
            } else {
                try await beginPicture()
                try await consume(start)
            }
        case .link(let link):
            if link.count + text.count > Self.linkLimitBytes { defect = .linkTooLong }
            hash.update(data: text)
            content = .link(link + text)
        case .picture(var decoder, let file):
            do {
                pending += try decoder.decode(text)
            } catch {
                defect = .notBase64
            }
            content = .picture(decoder, file)
            if pending.count >= Self.writeBytes { try await write(to: file) }
        }
    }

    /// Ends the text.
    ///
    /// - Returns: a digest of the decoded bytes, or of the link.
    /// - Throws: `VendorError` if it is neither a link nor a complete picture; `SandboxError` if the file fails.
    mutating func finish() async throws -> String {
        if case .undecided(let start) = content {
            try await beginPicture()
            try await consume(start)
        }
        switch content {
        case _ where defect == .linkTooLong:
            throw VendorError.param("image is a link of more than \(Self.linkLimitBytes) bytes; use a shorter one")
        case _ where defect == .notBase64:
            throw Self.notBase64
        case .undecided:
            throw Self.notBase64
        case .link:
            return "link:\(hexadecimal(hash.finalize()))"
        case .picture(var decoder, let file):
            do {
                pending += try decoder.finish()
            } catch {
                throw Self.notBase64
            }
            try await write(to: file)
            try await check(file)
            return "picture:\(hexadecimal(hash.finalize()))"
        }
    }

    private static let notBase64 = VendorError.param(
        "image must be a link that begins with http:// or https://, or a picture as base64; it is neither")

    private static func isLink(_ start: [UInt8]) -> Bool {
        let text = String(decoding: start.prefix(8), as: UTF8.self).lowercased()
        return text.hasPrefix("http://") || text.hasPrefix("https://")
    }

    private mutating func beginPicture() async throws {
        let file = try await NIOThreadPool.singleton.runIfActive { [directory] in try PictureFile(in: directory) }
        content = .picture(Base64Decoder(), file)
    }

    private mutating func write(to file: PictureFile) async throws {
        let bytes = pending
        pending = []
        hash.update(data: bytes)
        try await NIOThreadPool.singleton.runIfActive { try file.append(bytes) }
    }

    private func check(_ file: PictureFile) async throws {
        let result = try await NIOThreadPool.singleton.runIfActive { try PictureReader.inspect(file.content()) }
        switch result {
        case .success(let info):
            guard info.width * info.height <= PictureReader.pixelLimit else {
                throw VendorError.param("image claims to be \(info.width) by \(info.height) pixels, which is too large")
            }
        case .failure(.notAPicture(let looksLike)):
            throw VendorError.param("image is not a picture; it looks like this: \(looksLike)")
        case .failure(.incomplete(let format)):
            throw VendorError.param("image begins as \(format.rawValue) and ends early; send the whole file")
        case .failure(.corrupt(let format, let what)):
            throw VendorError.param("image is a broken \(format.rawValue): \(what)")
        }
    }
}

/// An unnamed file that is written sequentially and then read at any offset.
private final class PictureFile: Sendable {
    private let descriptor: Int32
    private let directory: String

    init(in directory: String) throws {
        self.directory = directory
        descriptor = try SandboxFile.openNameless(in: directory)
    }

    deinit {
        close(descriptor)
    }

    func append(_ bytes: [UInt8]) throws {
        try SandboxFile.write(bytes, to: descriptor, path: directory)
    }

    /// Everything written so far.
    func content() throws -> Content {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw SandboxError.file(path: directory, doing: "read", .last)
        }
        return Content(file: self, size: Int64(status.st_size))
    }

    struct Content: ByteSource {
        fileprivate let file: PictureFile
        let size: Int64

        func read(at offset: Int64, count: Int) throws -> [UInt8] {
            guard offset >= 0, offset < size, count > 0 else { return [] }
            let wanted = Int(min(Int64(count), size - offset))
            var failure: Errno?
            let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                while filled < wanted {
                    let count = pread(
                        file.descriptor, buffer.baseAddress.map { $0 + filled }, wanted - filled,
                        off_t(offset) + off_t(filled))
                    if count < 0, errno == EINTR { continue }
                    if count < 0 { failure = .last }
                    if count <= 0 { return }
                    filled += count
                }
            }
            if let failure { throw SandboxError.file(path: file.directory, doing: "read", failure) }
            return bytes
        }
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
}
