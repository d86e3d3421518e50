package import FluxqModel
package import NIOCore

/// The images API as the workers know it. `ImagesClient` is the real one; races are tested against simulated ones.
package protocol ImagesAPI: Sendable {
    /// One call that costs money. Never sends the request twice, never follows a redirect.
    ///
    /// A task that is canceled meanwhile still gets a true report: `notSent` or `unknown`.
    /// - Parameters:
    ///   - picture: the bytes of `request.image` where that is `.content`; nil otherwise.
    ///   - receiver: where inline pictures of the answer go while it streams in.
    func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport

    /// Fetches a link of an answer; costs nothing and may be repeated.
    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome
}

/// A picture that is sent along with a call.
package protocol PictureSource: Sendable {
    /// Such as `image/png`.
    var mediaType: String { get }
    var size: Int64 { get }
    /// Exactly `count` bytes from `offset`, or fewer where the picture ends.
    func read(at offset: Int64, count: Int) async throws -> ByteBuffer
}

/// Where a picture goes, piece by piece. The sender waits for each write: nothing piles up in memory.
package protocol PictureSink: Sendable {
    func write(_ bytes: ByteBuffer) async throws
    /// A download's body begins, from its first byte: what an earlier try has left here is forgotten.
    func begin(_ head: BodyHead) async throws
    /// What an earlier try has left here; nil if a download has to begin from its first byte.
    var resumePoint: ResumePoint? { get }
}

extension PictureSink {
    package func begin(_ head: BodyHead) async throws {}
    package var resumePoint: ResumePoint? { nil }
}

/// What a download's head says of its body.
package struct BodyHead: Hashable, Sendable {
    /// The tokens of Content-Encoding, in small letters, without `identity`. Only a claim: see `ContentUnpacking`.
    package var codings: [String]
    /// The ETag, where it is a strong one, or the time of the last change: what tells whether a part belongs to the rest.
    package var validator: String?

    package init(codings: [String] = [], validator: String? = nil) {
        self.codings = codings
        self.validator = validator
    }
}

/// Where an interrupted download can continue.
package struct ResumePoint: Hashable, Sendable {
    /// Bytes that are there.
    package var offset: Int64
    /// Of the body that they are the beginning of.
    package var validator: String

    package init(offset: Int64, validator: String) {
        self.offset = offset
        self.validator = validator
    }
}

/// Takes the inline pictures of one answer.
package protocol PictureReceiver: Sendable {
    /// The API has answered 2xx; what the answer brings follows.
    func beginAnswer(_ head: AnswerHead) async
    /// - Parameter ordinal: counted from 0 in the order the pictures come; `AnswerItem.inline` refers to it.
    func beginPicture(_ ordinal: Int) async throws -> any PictureSink
    /// The picture's text ended; `isValid` is false if it was not base64.
    func endPicture(_ ordinal: Int, isValid: Bool) async throws
    /// A picture that ended turned out to be no result: one on its way to its last form.
    func discardPicture(_ ordinal: Int) async
}

extension PictureReceiver {
    package func discardPicture(_ ordinal: Int) async {}
    package func beginAnswer(_ head: AnswerHead) async {}
}

/// What is known of a call once the head of its answer has come.
package struct AnswerHead: Hashable, Sendable {
    package var status: Int
    package var requestID: String?
    /// When the request's last byte was handed to the socket; nil if the answer came before that.
    package var sentAt: Timestamp?

    package init(status: Int, requestID: String? = nil, sentAt: Timestamp? = nil) {
        self.status = status
        self.requestID = requestID
        self.sentAt = sentAt
    }
}

package enum DownloadOutcome: Hashable, Sendable {
    /// The whole body is in the sink. Whether it is a picture is for its reader to say.
    case complete
    /// The host answered, but not with the picture; worth another try later.
    case failed(message: String)
    /// The host was not reached, or said nothing: that tells nothing about the link. Worth another try later.
    case unreachable(message: String)
    /// The host answered that it does not give the picture (a 4xx that waiting does not change).
    case gone(message: String)
    /// The guard refused the link and nothing was connected to. `message` names what an administrator would have to trust.
    case refused(message: String)
    /// The link can never be right: another scheme, no host, userinfo.
    case impossible(message: String)
    /// The sink could not take the bytes: the host's trouble (a full disk), not the link's.
    case notStored(message: String)
}
