import FluxqFormats
import NIOCore

/// Decodes the content codings of a body as it streams in. The bytes decide, not the header: bytes that begin as gzip
/// or zlib are decompressed whatever the header claims, and all others are used unchanged. A header is needed only for
/// deflate without a frame, which begins with no mark.
///
/// ```
/// Content-Encoding: gzip            1F 8B …            decompressed
/// Content-Encoding: gzip            {"data": …         as it is
/// Content-Encoding: utf-8, base64   {"data": …         as it is: no such coding
/// Content-Encoding: br              {"data": …         as it is; anything else stays unreadable
/// ```
///
/// The output is not limited here: its reader limits it by not asking for more.
struct ContentDecoder {
    /// The stream is damaged. The output before this is good.
    struct Broken: Error {
        /// Such as "its gzip coding is broken".
        let problem: String
    }

    private enum Claim {
        case gzip, deflate
    }

    /// A coding that the header names and fluxq cannot decode, such as `br`.
    let unreadable: String?
    /// The outermost coding first, which is the one that was applied last.
    private let layers: [Layer]

    private static let mostLayers = 4
    private static let unknownCodings: Set<String> = [
        "br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip", "xz", "lzma", "bzip2", "x-bzip2",
    ]

    /// - Parameter header: the values of Content-Encoding, in order.
    init(header: [String]) {
        let codings = header.flatMap { $0.split(separator: ",") }.map { coding in
            coding.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace && $0 != "\"" }
        }
        unreadable = codings.first(where: Self.unknownCodings.contains)
        let claims = codings.compactMap { coding -> Claim? in
            switch coding {
            case "gzip", "x-gzip": .gzip
            case "deflate", "x-deflate", "zlib": .deflate
            default: nil
            }
        }
        // One more layer than the header names, for a body that is compressed without a header.
        layers = (0..<min(claims.count + 1, Self.mostLayers)).map {
            Layer(isDeflate: $0 < claims.count && claims[claims.count - 1 - $0] == .deflate)
        }
    }

    /// Adds encoded bytes. `next` returns the decoded ones.
    func add(_ bytes: ByteBuffer) {
        layers[0].add(bytes)
    }

    /// Called after the last bytes.
    func end() {
        layers[0].end()
    }

    /// - Returns: the next decoded piece; nil if more input is needed first.
    func next() throws(Broken) -> ByteBuffer? {
        try next(of: layers.count - 1)
    }

    /// True if the compressed stream, if there is one, has ended.
    var isWhole: Bool { layers.allSatisfy(\.isWhole) }

    private func next(of index: Int) throws(Broken) -> ByteBuffer? {
        let layer = layers[index]
        while true {
            if let piece = try layer.next() { return piece }
            guard index > 0 else { return nil }
            if let piece = try next(of: index - 1) {
                layer.add(piece)
            } else if layers[index - 1].isOver, !layer.isEnded {
                layer.end()
            } else {
                return nil
            }
        }
    }

    /// One coding, or none.
    private final class Layer {
        private enum State {
            case undecided
            case plain
            case inflating(Inflater, name: String)
            /// Its end mark has been read. Further bytes are ignored.
            case ended
            case broken
        }

        private let isDeflate: Bool
        private var state = State.undecided
        private var input = ByteBuffer()
        private(set) var isEnded = false

        init(isDeflate: Bool) {
            self.isDeflate = isDeflate
        }

        func add(_ bytes: ByteBuffer) {
            if input.readableBytes == 0 {
                input = bytes
            } else {
                input.writeImmutableBuffer(bytes)
            }
        }

        func end() { isEnded = true }

        /// True if there is no further output.
        var isOver: Bool {
            switch state {
            case .ended, .broken: true
            case .undecided, .plain: isEnded && input.readableBytes == 0
            case .inflating: isEnded
            }
        }

        var isWhole: Bool {
            switch state {
            case .undecided, .plain, .ended: true
            case .inflating(let inflater, _): inflater.isAtEnd
            case .broken: false
            }
        }

        func next() throws(Broken) -> ByteBuffer? {
            switch state {
            case .undecided:
                let enough = isDeflate ? PictureSignature.length : 2
                guard input.readableBytes >= enough || isEnded && input.readableBytes > 0 else { return nil }
                state = decide()
                return try next()
            case .plain:
                guard input.readableBytes > 0 else { return nil }
                defer { input = ByteBuffer() }
                return input
            case .inflating(let inflater, let name):
                do throws(Inflater.Broken) {
                    if let piece = try inflater.next(from: &input) { return piece }
                    guard inflater.isAtEnd else { return nil }
                    // Another gzip stream may follow, and only part of its mark may have arrived.
                    guard name == "gzip", Self.isGzip(input) else {
                        let isOpen = name == "gzip" && Self.mayBecomeGzip(input)
                        if isEnded || !isOpen { state = .ended }
                        return nil
                    }
                    state = .inflating(Inflater(.gzip), name: name)
                } catch {
                    state = .broken
                    throw Broken(problem: "its \(name) coding is broken")
                }
                return try next()
            case .ended, .broken:
                input = ByteBuffer()
                return nil
            }
        }

        private func decide() -> State {
            let head = Array(input.readableBytesView.prefix(PictureSignature.length))
            if Self.isGzip(input) { return .inflating(Inflater(.gzip), name: "gzip") }
            if head.count >= 2, Self.isZlib(head, claimed: isDeflate) {
                return .inflating(Inflater(.zlib), name: "deflate")
            }
            let isText = head.allSatisfy { (0x20..<0x7F).contains($0) || (0x09...0x0D).contains($0) }
            if isDeflate, !isText, !head.starts(with: [0xEF, 0xBB, 0xBF]), !PictureSignature.matches(head) {
                return .inflating(Inflater(.bare), name: "deflate")
            }
            return .plain
        }

        private static func isGzip(_ bytes: ByteBuffer) -> Bool {
            bytes.readableBytesView.starts(with: [0x1F, 0x8B])
        }

        private static func mayBecomeGzip(_ bytes: ByteBuffer) -> Bool {
            bytes.readableBytes == 0 || bytes.readableBytes == 1 && bytes.readableBytesView.first == 0x1F
        }

        /// RFC 1950, 2.2: method 8, a window of at most 32 KiB, and a checksum. Without a claim, only the forms that
        /// zlib writes.
        private static func isZlib(_ head: [UInt8], claimed: Bool) -> Bool {
            let isHeader =
                head[0] & 0x0F == 8 && head[0] >> 4 <= 7 && (Int(head[0]) << 8 | Int(head[1])).isMultiple(of: 31)
            return isHeader && (claimed || head[0] == 0x78 && [0x01, 0x9C, 0xDA].contains(head[1]))
        }
    }
}
