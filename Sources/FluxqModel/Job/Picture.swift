/// One picture of a job: paid for, and on its way to the archive or there.
package struct Picture: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// To be fetched from its link.
        case pending(Download)
        case saved(StoredPicture)
        /// The link died, or can never be right.
        case lost(message: PictureTrouble)
        /// What came is no whole picture that fluxq knows; its bytes are in the archive under this hash for its owner.
        case unusable(ContentHash?, message: PictureTrouble)
    }

    /// From 1, never reused within the job.
    package var index: Int
    /// The attempt that bought it.
    package var attempt: Int
    package var state: State
    /// Byte for byte as the API gave it; nil for one that came inline.
    package var link: String?
    /// unusable: how many bytes are kept; nil if nobody counted them.
    package var keptBytes: Int64?
    /// The content that it was until that was found damaged in the archive: pending, it is fetched again; lost, it is gone.
    package var damaged: ContentHash?

    package init(
        index: Int, attempt: Int, state: State, link: String? = nil, keptBytes: Int64? = nil,
        damaged: ContentHash? = nil
    ) {
        self.index = index
        self.attempt = attempt
        self.state = state
        self.link = link
        self.keptBytes = keptBytes
        self.damaged = damaged
    }
}

/// A link that has to be fetched before it dies.
package struct Download: Hashable, Sendable {
    /// Byte for byte as the API gave it.
    package var link: String
    package var deadline: Timestamp
    package var tries: Int
    /// When the last try was made.
    package var triedAt: Timestamp?
    package var nextTryAt: Timestamp
    /// Why the last try failed.
    package var message: PictureTrouble?

    package init(
        link: String, deadline: Timestamp, tries: Int = 0, triedAt: Timestamp? = nil, nextTryAt: Timestamp,
        message: PictureTrouble? = nil
    ) {
        self.link = link
        self.deadline = deadline
        self.tries = tries
        self.triedAt = triedAt
        self.nextTryAt = nextTryAt
        self.message = message
    }
}

/// A whole picture in the archive.
package struct StoredPicture: Hashable, Sendable {
    package var hash: ContentHash
    /// By the bytes, such as `image/png`.
    package var mediaType: String
    /// Pixels.
    package var width: Int
    package var height: Int
    package var bytes: Int64
    /// What is wrong with it though all its pixels are there, as it stands after its name: "ends without its end mark".
    package var flaw: String?

    package init(
        hash: ContentHash, mediaType: String, width: Int, height: Int, bytes: Int64, flaw: String? = nil
    ) {
        self.flaw = flaw
        self.hash = hash
        self.mediaType = mediaType
        self.width = width
        self.height = height
        self.bytes = bytes
    }
}

/// Content of the archive that somebody may read, and what it is called.
package struct ReadableContent: Hashable, Sendable {
    /// Of bytes that are no picture fluxq knows.
    package static let unknownMediaType = "application/octet-stream"

    package var hash: ContentHash
    package var mediaType: String

    package init(hash: ContentHash, mediaType: String) {
        self.hash = hash
        self.mediaType = mediaType
    }

    package init(_ picture: StoredPicture) {
        self.init(hash: picture.hash, mediaType: picture.mediaType)
    }
}
