import FluxqFormats

/// Bodies as some hosts send them: compressed without being asked, in the frames of an upload, or only declared so.
enum PackedBody {
    /// The Content-Encoding for a coding's name in `sandbox:link-coding`.
    static func said(_ coding: String) -> String {
        switch coding {
        case "framed": "aws-chunked"
        case "bare-deflate": "deflate"
        default: coding
        }
    }

    /// The whole body, packed; unchanged for names that are not packings.
    static func pack(_ pieces: inout ResultBytes, as coding: String) -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = pieces.next() { bytes += piece }
        switch coding {
        case "gzip", "unsaid-gzip": return gzip(bytes)
        case "deflate": return zlib(bytes)
        case "bare-deflate": return stored(bytes)
        case "framed": return framed(bytes)
        default: return bytes
        }
    }

    /// RFC 1952.
    private static func gzip(_ bytes: [UInt8]) -> [UInt8] {
        var checksum = CRC32()
        bytes.withUnsafeBytes { checksum.update($0) }
        return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255] + stored(bytes)
            + little(checksum.value, 4) + little(UInt32(truncatingIfNeeded: bytes.count), 4)
    }

    /// RFC 1950.
    private static func zlib(_ bytes: [UInt8]) -> [UInt8] {
        var checksum = Adler32()
        bytes.withUnsafeBufferPointer { checksum.update($0) }
        return [0x78, 0x01] + stored(bytes) + little(checksum.value, 4).reversed()
    }

    /// RFC 1951, in uncompressed blocks.
    private static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(65_535)
            rest = rest.dropFirst(block.count)
            let length = UInt32(block.count)
            result += [rest.isEmpty ? 1 : 0] + little(length, 2) + little(~length, 2) + block
        } while !rest.isEmpty
        return result
    }

    /// The frames of an upload to an object store.
    private static func framed(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        let signature = ";chunk-signature=" + String(repeating: "0", count: 64) + "\r\n"
        repeat {
            let chunk = rest.prefix(65_536)
            rest = rest.dropFirst(chunk.count)
            result += Array((String(chunk.count, radix: 16) + signature).utf8) + chunk + [0x0D, 0x0A]
        } while !rest.isEmpty
        return result + Array("0\(signature)\r\n".utf8)
    }

    private static func little(_ number: UInt32, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
    }
}
