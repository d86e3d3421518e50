/// The reason why bytes are not a whole picture.
package enum PictureDefect: Error, Hashable, Sendable {
    /// `looksLike`: "empty", "HTML", "JSON", "SVG", "XML", "text", "unknown bytes", or a format's name such as "HEIC".
    case notAPicture(looksLike: String)
    /// The file begins as that format and ends early.
    case incomplete(PictureFormat)
    /// The file begins as that format and breaks its rules. The text tells how, such as "it holds no picture data".
    case corrupt(PictureFormat, String)
}

extension PictureDefect: CustomStringConvertible {
    /// The text that follows the name of the file, such as "is HTML, not a picture".
    package var description: String {
        switch self {
        case .notAPicture(looksLike: "empty"):
            "is empty"
        case .notAPicture(looksLike: "unknown bytes"):
            "is no picture that fluxq knows (PNG, JPEG, WebP, GIF or AVIF)"
        case .notAPicture(let looksLike) where ForeignFormat(rawValue: looksLike) != nil:
            "is \(looksLike), which fluxq does not read (it knows PNG, JPEG, WebP, GIF and AVIF)"
        case .notAPicture(let looksLike):
            "is \(looksLike), not a picture"
        case .incomplete(let format):
            "is \(format.withArticle) that ends early"
        case .corrupt(let format, let how):
            "is a damaged \(format.name): \(how)"
        }
    }
}

extension PictureFormat {
    /// The format's name for messages.
    package var name: String {
        switch self {
        case .png: "PNG"
        case .jpeg: "JPEG"
        case .webp: "WebP"
        case .gif: "GIF"
        case .avif: "AVIF"
        }
    }

    fileprivate var withArticle: String {
        self == .avif ? "an \(name)" : "a \(name)"
    }
}
