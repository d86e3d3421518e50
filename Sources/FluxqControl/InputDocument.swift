/// The answer of `PUT /v1/inputs`.
package struct InputDocument: Hashable, Sendable, Codable {
    /// `sha256:<64 hex digits>`, for the `image` field of a job of the same caller.
    package var image: String
    package var mediaType: String
    /// Pixels.
    package var width: Int
    package var height: Int
    package var bytes: Int64

    package enum CodingKeys: String, CodingKey {
        case image
        case mediaType = "media_type"
        case width, height, bytes
    }

    package init(image: String, mediaType: String, width: Int, height: Int, bytes: Int64) {
        self.image = image
        self.mediaType = mediaType
        self.width = width
        self.height = height
        self.bytes = bytes
    }
}
