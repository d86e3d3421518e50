/// Unpacks one layer of a body's packing, which a header names or its first bytes show.
///
/// Hosts of pictures send unreliable coding headers: `UTF-8`, `none`, `base64` over plain bytes, `aws-chunked` left
/// over from an upload. Some send gzip without being asked. So the bytes decide: a body that begins as a picture is
/// one, whatever its headers claim.
package struct ContentUnpacking {
    /// The bytes are not packed as they seemed to be, or end early.
    package struct Broken: Error, Hashable, Sendable {
        package init() {}
    }

    private enum Layer {
        case inflate(Inflater)
        case base64(Base64Decoder)
        case chunks(AWSChunks)
    }

    private var layer: Layer

    /// The number of first bytes needed to choose the layer.
    package static let headLength = ContentGuess.headLength

    /// - Parameters:
    ///   - head: the body's first bytes.
    /// - codings: the tokens of Content-Encoding, in lowercase.
    /// - Returns: nil if the body has no packing that fluxq knows.
    package init?(head: [UInt8], codings: [String]) {
        guard ContentGuess.format(ofHead: head) == nil else { return nil }
        if head.starts(with: [0x1F, 0x8B, 8]) {
            layer = .inflate(Inflater(.gzipOrZlib))
        } else if codings.contains("deflate"), head.count >= 2 {
            layer = .inflate(Inflater(Self.isZlib(head) ? .gzipOrZlib : .bare))
        } else if AWSChunks.begins(head, isSaid: codings.contains("aws-chunked")) {
            layer = .chunks(AWSChunks())
        } else if Self.isBase64OfAPicture(head) {
            layer = .base64(Base64Decoder())
        } else {
            return nil
        }
    }

    /// RFC 1950: the method is 8 and the two bytes are a multiple of 31.
    private static func isZlib(_ head: [UInt8]) -> Bool {
        head[0] & 15 == 8 && (UInt16(head[0]) << 8 | UInt16(head[1])).isMultiple(of: 31)
    }

    private static func isBase64OfAPicture(_ head: [UInt8]) -> Bool {
        var decoder = Base64Decoder()
        // The last group may be incomplete here.
        let text = head.prefix(512)
        guard text.allSatisfy({ $0 < 0x80 }), let begins = try? decoder.decode(text) else { return false }
        return ContentGuess.format(ofHead: begins) != nil
    }

    /// Unpacks the next piece.
    ///
    /// - Throws: `Broken`, or the error of `take`.
    package mutating func unpack(
        _ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        switch layer {
        case .inflate(let inflater):
            do {
                try inflater.inflate(bytes, take)
            } catch is Inflater.Broken {
                throw Broken()
            }
        case .base64(var decoder):
            guard let decoded = try? decoder.decode(bytes) else { throw Broken() }
            layer = .base64(decoder)
            try decoded.withUnsafeBytes(take)
        case .chunks(var chunks):
            try chunks.unpack(bytes, take)
            layer = .chunks(chunks)
        }
    }

    /// Ends the unpacking; called after the last piece.
    ///
    /// - Throws: `Broken` if the packed bytes end early.
    package mutating func finish(_ take: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch layer {
        case .inflate(let inflater):
            guard inflater.isAtEnd else { throw Broken() }
        case .base64(var decoder):
            guard let rest = try? decoder.finish() else { throw Broken() }
            try rest.withUnsafeBytes(take)
        case .chunks(let chunks):
            guard chunks.isAtEnd else { throw Broken() }
        }
    }
}

/// The framing of uploads to object stores (`aws-chunked`), which some stores forget to remove. Each chunk is a length
/// in hexadecimal digits, perhaps `;chunk-signature=…`, a line end, the bytes, and a line end. An empty chunk is the
/// last.
struct AWSChunks {
    private enum Stage {
        case line([UInt8])
        case data(left: Int)
        /// The line end after the bytes.
        case lineEnd(left: Int)
        case end
    }

    /// A longer line is not the head of a chunk.
    private static let lineLimit = 256

    private var stage = Stage.line([])

    var isAtEnd: Bool {
        if case .end = stage { true } else { false }
    }

    /// - Parameter isSaid: true if a header names this framing; otherwise the first line needs a signature.
    static func begins(_ head: [UInt8], isSaid: Bool) -> Bool {
        let line = head.prefix(lineLimit).prefix { $0 != 0x0D }
        guard line.count < min(head.count, lineLimit), length(of: Array(line)) != nil else { return false }
        return isSaid || String(decoding: line, as: UTF8.self).contains(";chunk-signature=")
    }

    mutating func unpack(_ bytes: UnsafeRawBufferPointer, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch stage {
            case .line(var line):
                let byte = rest.removeFirst()
                if byte == 0x0A {
                    if line.last == 0x0D { line.removeLast() }
                    guard let length = Self.length(of: line) else { throw ContentUnpacking.Broken() }
                    stage = length == 0 ? .end : .data(left: length)
                } else {
                    guard line.count < Self.lineLimit else { throw ContentUnpacking.Broken() }
                    line.append(byte)
                    stage = .line(line)
                }
            case .data(let left):
                let piece = rest.prefix(left)
                try take(UnsafeRawBufferPointer(rebasing: piece))
                rest = rest.dropFirst(piece.count)
                stage = left == piece.count ? .lineEnd(left: 2) : .data(left: left - piece.count)
            case .lineEnd(let left):
                guard rest.removeFirst() == (left == 2 ? 0x0D : 0x0A) else { throw ContentUnpacking.Broken() }
                stage = left == 1 ? .line([]) : .lineEnd(left: 1)
            case .end:
                return  // Trailers.
            }
        }
    }

    private static func length(of line: [UInt8]) -> Int? {
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        guard (1...8).contains(digits.count) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
