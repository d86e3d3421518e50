import FluxqFormats

/// Everything that determines the bytes of one result. A link contains it, so that no picture is stored.
struct PicturePlan: Codable, Hashable, Sendable {
    enum Content: Codable, Hashable {
        case whole
        /// The first half of a picture's file.
        case truncated
        /// With a flaw that affects no pixel: no end mark, a wrong length, or bytes after the end.
        case flawed
        /// Other data instead of a picture.
        case other(Other)

        /// The media type that a link to it declares; nil for pictures.
        var mediaType: String? {
            switch self {
            case .whole, .truncated, .flawed: nil
            case .other(.page): "text/html; charset=utf-8"
            case .other(.json): "application/json"
            case .other(.svg): "image/svg+xml"
            case .other(.nothing), .other(.heic), .other(.tiff): "image/png"
            }
        }
    }

    enum Other: String, CaseIterable, Codable {
        /// An HTML page for links, a line of text for base64.
        case page
        case json, svg, nothing
        /// Pictures of formats that fluxq does not read.
        case heic, tiff
    }

    /// 32 hex digits: the digest of the request, the seed and the index.
    let identity: String
    /// Pixels.
    let width: Int
    let height: Int
    /// The length of the file, which is filled with noise up to it.
    let bytes: Int?
    let content: Content
    /// Any format other than PNG is one small picture that never changes.
    var format = PictureFormat.png

    enum CodingKeys: String, CodingKey {
        case identity = "i"
        case width = "w"
        case height = "h"
        case bytes = "b"
        case content = "c"
        case format = "f"
    }
}

/// The bytes of one result, made on the fly in pieces of at most about 64 KiB.
struct ResultBytes: IteratorProtocol {
    /// The total number of bytes.
    let count: Int
    private var remaining: Int
    private var source: Source

    private enum Source {
        case png(PNGPicture)
        case fixed([UInt8])
    }

    /// - Parameter inline: true if the bytes are part of the answer; this matters only if they are not a picture.
    init(_ plan: PicturePlan, inline: Bool) {
        let length: Int
        switch (plan.content, SmallPicture.bytes(of: plan.format)) {
        case (.whole, let small?), (.truncated, let small?):
            (source, length) = (.fixed(small), small.count)
        case (.flawed, let small?):
            let bytes = Self.flawed(small, plan.format)
            (source, length) = (.fixed(bytes), bytes.count)
        case (.whole, nil), (.truncated, nil), (.flawed, nil):
            let picture = PNGPicture(plan)
            (source, length) = (.png(picture), picture.byteCount)
        case (.other(let other), _):
            let bytes = other.bytes(inline: inline)
            (source, length) = (.fixed(bytes), bytes.count)
        }
        switch plan.content {
        case .truncated: count = length / 2
        case .flawed where plan.format == .png: count = length - Self.endMarkOfPNG
        case .flawed, .whole, .other: count = length
        }
        remaining = count
    }

    /// The IEND chunk.
    private static let endMarkOfPNG = 12

    private static func flawed(_ bytes: [UInt8], _ format: PictureFormat) -> [UInt8] {
        switch format {
        case .png: return bytes.dropLast(endMarkOfPNG)
        case .jpeg: return bytes.dropLast(2)
        case .gif: return bytes.dropLast(1)
        case .webp:
            var bytes = bytes
            bytes.replaceSubrange(4..<8, with: [0xFF, 0xFF, 0xFF, 0x7F])
            return bytes
        case .avif: return bytes + Array("trailer".utf8)
        }
    }

    mutating func next() -> [UInt8]? {
        guard remaining > 0 else { return nil }
        let piece: [UInt8]
        switch source {
        case .fixed(let bytes):
            piece = bytes
        case .png(var picture):
            // Releases the stored copy first; otherwise the picture's checksums would be copied with every piece.
            source = .fixed([])
            piece = picture.next() ?? []
            source = .png(picture)
        }
        let cut = piece.count > remaining ? Array(piece.prefix(remaining)) : piece
        remaining -= cut.count
        return cut.isEmpty ? nil : cut
    }
}

extension PicturePlan.Other {
    fileprivate func bytes(inline: Bool) -> [UInt8] {
        switch self {
        case .heic:
            [0, 0, 0, 24] + Array("ftypheic".utf8) + [0, 0, 0, 0] + Array("mif1heic".utf8) + [0, 0, 0x0F, 0xA8]
                + Array("mdat".utf8) + [UInt8](repeating: 0, count: 4000)
        case .tiff: [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0] + [UInt8](repeating: 0, count: 100)
        case .page, .json, .svg, .nothing: Array(text(inline: inline).utf8)
        }
    }

    private func text(inline: Bool) -> String {
        switch self {
        case .page:
            inline
                ? "This text stands where a picture should be.\n"
                : "<!DOCTYPE html><html><body><h1>This page stands where a picture should be.</h1></body></html>\n"
        case .json: "{\"error\": \"This object stands where a picture should be.\"}\n"
        case .svg: "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"7\"></svg>\n"
        case .nothing, .heic, .tiff: ""
        }
    }
}
