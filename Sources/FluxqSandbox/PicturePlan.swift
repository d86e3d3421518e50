import FluxqFormats

/// Everything that one result's bytes follow from. A link carries it, so that no picture is ever kept.
struct PicturePlan: Codable, Hashable, Sendable {
    enum Content: Codable, Hashable {
        case whole
        /// The first half of a picture's file.
        case truncated
        /// Something else in a picture's place.
        case other(Other)

        /// What a link to it is said to lead to; nil for pictures.
        var mediaType: String? {
            switch self {
            case .whole, .truncated: nil
            case .other(.page): "text/html; charset=utf-8"
            case .other(.json): "application/json"
            case .other(.svg): "image/svg+xml"
            case .other(.nothing): "image/png"
            }
        }
    }

    enum Other: String, CaseIterable, Codable {
        /// A page behind links, a line of text in base64.
        case page
        case json, svg, nothing
    }

    /// 32 hex digits: the digest of the request, the seed and the index.
    let identity: String
    /// Pixels.
    let width: Int
    let height: Int
    /// How long the file shall be; it is filled up to that with noise.
    let bytes: Int?
    let content: Content
    /// Anything but PNG is a small picture that is always the same.
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

/// The bytes of one result, made on the fly in pieces of at most some 64 KiB.
struct ResultBytes: IteratorProtocol {
    /// How many there are in all.
    let count: Int
    private var remaining: Int
    private var source: Source

    private enum Source {
        case png(PNGPicture)
        case fixed([UInt8])
    }

    /// - Parameter inline: whether the bytes go into the answer itself; matters only where they are no picture.
    init(_ plan: PicturePlan, inline: Bool) {
        let length: Int
        switch (plan.content, SmallPicture.bytes(of: plan.format)) {
        case (.whole, let small?), (.truncated, let small?):
            (source, length) = (.fixed(small), small.count)
        case (.whole, nil), (.truncated, nil):
            let picture = PNGPicture(plan)
            (source, length) = (.png(picture), picture.byteCount)
        case (.other(let other), _):
            let text = Array(other.text(inline: inline).utf8)
            (source, length) = (.fixed(text), text.count)
        }
        count = plan.content == .truncated ? length / 2 : length
        remaining = count
    }

    mutating func next() -> [UInt8]? {
        guard remaining > 0 else { return nil }
        let piece: [UInt8]
        switch source {
        case .fixed(let bytes):
            piece = bytes
        case .png(var picture):
            // Let go of the stored copy first, or the picture's checksums would be copied with every piece.
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
    fileprivate func text(inline: Bool) -> String {
        switch self {
        case .page:
            inline
                ? "This text stands where a picture should be.\n"
                : "<!DOCTYPE html><html><body><h1>This page stands where a picture should be.</h1></body></html>\n"
        case .json: "{\"error\": \"This object stands where a picture should be.\"}\n"
        case .svg: "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"7\"></svg>\n"
        case .nothing: ""
        }
    }
}
