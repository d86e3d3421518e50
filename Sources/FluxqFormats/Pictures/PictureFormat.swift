/// The picture formats that fluxq recognizes by their bytes.
package enum PictureFormat: String, CaseIterable, Codable, Sendable {
    case png, jpeg, webp, gif, avif

    package var mediaType: String { "image/\(rawValue)" }

    /// The extension of a file name, without the dot.
    package var fileExtension: String {
        self == .jpeg ? "jpg" : rawValue
    }

    package init?(mediaType: String) {
        guard let format = Self.allCases.first(where: { $0.mediaType == mediaType }) else { return nil }
        self = format
    }
}
