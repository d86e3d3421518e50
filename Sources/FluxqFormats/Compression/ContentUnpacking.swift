/// Takes one layer of packing off a body: what a header said of it, or what its first bytes show.
///
/// Hosts of pictures say what they like about codings (`UTF-8`, `none`, `base64` over plain bytes, `aws-chunked` left over
/// from an upload), and some send gzip unasked. So the bytes decide: what begins as a picture is one, whatever was said.
package struct ContentUnpacking {
    /// The bytes are not what they seemed to be.
    package struct Broken: Error, Hashable, Sendable {
        package init() {}
    }

    private enum Layer {
        case inflate(Inflater)
        case base64(Base64Decoder)
        case chunks(AWSChunks)
    }

    private var layer: Layer

    /// How many first bytes are needed to choose.
    package static let headLength = ContentGuess.headLength

    /// - Parameters:
    ///   - head: the body's first bytes.
    ///   - codings: the tokens of Content-Encoding, in small letters.
    /// - Returns: nil if nothing that fluxq knows is packed around it.
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
        // Some letters of the last group may be missing here.
        let text = head.prefix(512)
        guard text.allSatisfy({ $0 < 0x80 }), let begins = try? decoder.decode(text) else { return false }
        return ContentGuess.format(ofHead: begins) != nil
    }

    /// Unpacks the next piece.
    ///
    /// - Throws: `Broken`, or what `take` throws.
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

    /// To be called behind the last piece.
    ///
    /// - Throws: `Broken` where more should have come.
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

/// The frame that uploads to object stores have (`aws-chunked`), and that some stores forget to take off: a length in
/// hexadecimal digits, perhaps `;chunk-signature=…`, a line end, the bytes, a line end; a chunk of none is the last.
struct AWSChunks {
    private enum Stage {
        case line([UInt8])
        case data(left: Int)
        /// The line end behind the bytes.
        case lineEnd(left: Int)
        case end
    }

    /// A longer line is none.
    private static let lineLimit = 256

    private var stage = Stage.line([])

    var isAtEnd: Bool {
        if case .end = stage { true } else { false }
    }

    /// - Parameter isSaid: a header speaks of it; otherwise only a signature is believed.
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
