/// Why a picture is not there or cannot be used.
package typealias PictureTrouble = StoredMessage<PictureCode>

/// The messages about a picture that fluxq words itself. Those of its host and the network are kept as text.
package enum PictureCode: Hashable, Codable, Sendable {
    /// A complete download that is no picture.
    case downloaded(fault: PictureFault, packing: Packing?)
    /// An inline picture that is incomplete, or no picture.
    case inline(fault: PictureFault)
    case inlineIsNotBase64
    /// It came inline, and the host went down before it was on the disk.
    case inlineLost
    /// The item of the answer has neither a link nor a picture.
    case nothingSent
    /// It was damaged in the archive, and there is no link to fetch it from again.
    case noLinkLeft
    /// Its host does not deliver it.
    case notDelivered
    /// The last answer of its host, and why its link failed before that.
    indirect case gone(last: PictureTrouble, before: PictureTrouble)

    /// Why what came could not be unpacked.
    package enum Packing: Hashable, Codable, Sendable {
        /// fluxq does not know that `Content-Encoding`.
        case coding(name: String)
        case damaged
        /// Unpacked it would be larger than `downloads.max_bytes`.
        case tooLarge(limit: Int64)
    }
}

/// What is wrong with bytes that should be a picture.
package enum PictureFault: Hashable, Codable, Sendable {
    /// Such as "HTML" or "empty".
    case notAPicture(looksLike: String)
    /// The format by its name in media types, such as `jpeg`.
    case incomplete(format: String)
    /// `how` it breaks the format's rules, in the reader's words.
    case corrupt(format: String, how: String)
}
