package import FluxqArchive
import FluxqControl
package import FluxqFormats
package import FluxqModel
import NIOCore

/// The picture of a submitted job as it streams in. A `data:` URI is decoded directly into a file of the spool, and the
/// bytes of a picture are written to one; a hash or a link is short and stays text.
package struct SubmittedImage {
    package enum Content {
        case absent
        /// As much of it as is needed, and its total number of bytes.
        case text([UInt8], bytes: Int)
        /// The decoded bytes of a `data:` URI.
        case picture(IncomingFile)
        /// A `data:` URI that cannot be decoded; the rest of it is ignored.
        case undecodable
    }

    private static let scheme = Array("data:".utf8)

    package private(set) var content = Content.absent
    private var decoder = Base64Decoder()
    private let spool: Spool
    private let uploads: UploadRoom
    private let owner: User
    private let maxBytes: Int64
    /// The space promised to the picture, until this value is released.
    private var upload: UploadRoom.Upload?

    package init(spool: Spool, uploads: UploadRoom, owner: User, maxBytes: Int64) {
        self.spool = spool
        self.uploads = uploads
        self.owner = owner
        self.maxBytes = maxBytes
    }

    /// The received file, if there is one.
    package var file: IncomingFile? {
        if case .picture(let file) = content { file } else { nil }
    }

    /// - Throws: `Problem` if there is a second picture; `ArchiveError`, including `.tooLarge`.
    package mutating func take(_ event: JSONDiverter.Event) async throws {
        switch event {
        case .begin(let ordinal):
            guard ordinal == 0 else { throw Problem.imageGivenTwice }
            content = .text([], bytes: 0)
        case .bytes(let bytes):
            try await take(bytes)
        case .end:
            guard case .picture(let file) = content else { return }
            try await write(to: file) { (decoder) throws(Base64Decoder.Failure) in try decoder.finish() }
        }
    }

    /// Takes the next bytes of a picture that is sent as it is.
    /// - Throws: `Problem`; `ArchiveError`, including `.tooLarge`.
    package mutating func takePicture(_ bytes: [UInt8]) async throws {
        if case .absent = content {
            upload = try await uploads.begin(of: owner, length: nil)
            content = .picture(try await spool.receive(limit: maxBytes))
        }
        guard case .picture(let file) = content else { return }
        try await write(bytes, to: file)
    }

    private mutating func take(_ bytes: [UInt8]) async throws {
        switch content {
        case .absent, .undecodable: return
        case .picture(let file):
            try await write(to: file) { (decoder) throws(Base64Decoder.Failure) in try decoder.decode(bytes) }
        case .text(var text, let count):
            text += bytes.prefix(EditRequest.Bounds.linkBytes + 1 - min(text.count, EditRequest.Bounds.linkBytes + 1))
            guard Self.isDataURI(text) else {
                content = .text(text, bytes: count + bytes.count)
                return
            }
            // The first bytes came one by one, or in one large piece of which only the beginning was kept.
            let start = text.prefix(count) + bytes
            upload = try await uploads.begin(of: owner, length: nil)
            let file = try await spool.receive(limit: maxBytes)
            content = .picture(file)
            try await write(to: file) { (decoder) throws(Base64Decoder.Failure) in try decoder.decode(start) }
        }
    }

    private static func isDataURI(_ text: [UInt8]) -> Bool {
        text.count >= scheme.count && zip(text, scheme).allSatisfy { $0 | ($1 == UInt8(ascii: ":") ? 0 : 0x20) == $1 }
    }

    private mutating func write(
        to file: IncomingFile, _ decode: (inout Base64Decoder) throws(Base64Decoder.Failure) -> [UInt8]
    ) async throws {
        let bytes: [UInt8]
        do throws(Base64Decoder.Failure) {
            bytes = try decode(&decoder)
        } catch {
            await spool.discard(file)
            content = .undecodable
            return
        }
        if !bytes.isEmpty { try await write(bytes, to: file) }
    }

    private func write(_ bytes: [UInt8], to file: IncomingFile) async throws {
        if file.bytes + Int64(bytes.count) <= maxBytes { try await upload?.take(bytes.count) }
        try await file.write(ByteBuffer(bytes: bytes))
    }
}
