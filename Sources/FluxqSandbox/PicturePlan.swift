/// Everything that one result's bytes follow from. A link carries it, so that no picture is ever kept.
struct PicturePlan: Codable, Hashable, Sendable {
    enum Content: String, Codable {
        case whole
        /// The first half of a picture's file.
        case truncated
        /// A page or a text in a picture's place.
        case notAPicture
    }

    /// 32 hex digits: the digest of the request, the seed and the index.
    let identity: String
    /// Pixels.
    let width: Int
    let height: Int
    /// How long the file shall be; it is filled up to that with noise.
    let bytes: Int?
    let content: Content

    enum CodingKeys: String, CodingKey {
        case identity = "i"
        case width = "w"
        case height = "h"
        case bytes = "b"
        case content = "c"
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
        case text([UInt8])
    }

    /// - Parameter inline: whether the bytes go into the answer itself; matters only where they are no picture.
    init(_ plan: PicturePlan, inline: Bool) {
        switch plan.content {
        case .whole, .truncated:
            let picture = PNGPicture(plan)
            source = .png(picture)
            count = plan.content == .whole ? picture.byteCount : picture.byteCount / 2
        case .notAPicture:
            let text =
                inline
                ? "This text stands where a picture should be.\n"
                : "<!DOCTYPE html><html><body><h1>This page stands where a picture should be.</h1></body></html>\n"
            source = .text(Array(text.utf8))
            count = text.utf8.count
        }
        remaining = count
    }

    mutating func next() -> [UInt8]? {
        guard remaining > 0 else { return nil }
        let piece: [UInt8]
        switch source {
        case .text(let text):
            piece = text
        case .png(var picture):
            // Let go of the stored copy first, or the picture's checksums would be copied with every piece.
            source = .text([])
            piece = picture.next() ?? []
            source = .png(picture)
        }
        let cut = piece.count > remaining ? Array(piece.prefix(remaining)) : piece
        remaining -= cut.count
        return cut.isEmpty ? nil : cut
    }
}
