import Crypto
import FoundationEssentials
import NIOCore
import NIOHTTP1

extension BodyHead {
    /// Reads the headers of a whole body.
    init(_ headers: HTTPHeaders) {
        let tag = headers.first(name: "etag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
        self.init(
            codings: headers[canonicalForm: "content-encoding"].map { $0.lowercased() }.filter {
                $0 != "identity" && !$0.isEmpty
            }, validator: tag ?? headers.first(name: "last-modified"))
    }
}

/// A range such as `bytes 100-999/1000` (RFC 9110, 14.4). The total may be `*`.
struct ContentRange: Hashable {
    let start: Int64
    let total: Int64?

    init?(_ text: String?) {
        guard let text, text.lowercased().hasPrefix("bytes ") else { return nil }
        let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let start = parts[0].split(separator: "-").first.flatMap({ Int64($0) }) else {
            return nil
        }
        self.start = start
        total = Int64(parts[1])
    }
}

/// Content-MD5 (RFC 1864), which object stores send. It detects bytes changed in transit, not an attacker.
struct BodyCheck {
    private let expected: [UInt8]
    private var digest = Insecure.MD5()

    /// nil if there is no such header.
    init?(_ headers: HTTPHeaders) {
        guard let text = headers.first(name: "content-md5"), let bytes = Data(base64Encoded: text), bytes.count == 16
        else { return nil }
        expected = Array(bytes)
    }

    mutating func update(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes { digest.update(bufferPointer: $0) }
    }

    var isRight: Bool { Array(digest.finalize()) == expected }
}
