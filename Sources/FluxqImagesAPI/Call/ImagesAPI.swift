package import FluxqModel
package import NIOCore

/// The interface of the images API for the workers. `ImagesClient` implements it; race tests use simulated ones.
package protocol ImagesAPI: Sendable {
    /// Makes one call, which costs money. Never sends the request twice, never follows a redirect.
    ///
    /// If the task is canceled meanwhile, the report is still true: `notSent` or `unknown`.
    /// - Parameters:
    /// - picture: the bytes of `request.image` if that is `.content`; nil otherwise.
    /// - receiver: receives inline pictures while the answer streams in.
    func generate(
        _ request: EditRequest, picture: (any PictureSource)?, receiver: any PictureReceiver
    ) async -> CallReport

    /// Downloads a link of an answer. This costs nothing and may be repeated.
    func download(_ link: String, into sink: any PictureSink) async -> DownloadOutcome
}

/// A picture that is sent along with a call.
package protocol PictureSource: Sendable {
    /// Such as `image/png`.
    var mediaType: String { get }
    var size: Int64 { get }
    /// Returns exactly `count` bytes from `offset`, fewer only at the end of the picture.
    func read(at offset: Int64, count: Int) async throws -> ByteBuffer
}

/// The destination of a picture, written piece by piece. The sender waits for each write, so nothing piles up in
/// memory.
package protocol PictureSink: Sendable {
    func write(_ bytes: ByteBuffer) async throws
    /// Begins a download's body at its first byte. Bytes of an earlier try are dropped.
    func begin(_ head: BodyHead) async throws
    /// The state of an earlier try; nil if a download has to begin at its first byte.
    var resumePoint: ResumePoint? { get }
}

extension PictureSink {
    package func begin(_ head: BodyHead) async throws {}
    package var resumePoint: ResumePoint? { nil }
}

/// The description of a body in a download's head.
package struct BodyHead: Hashable, Sendable {
    /// The tokens of Content-Encoding, in lowercase, without `identity`. Only a claim: see `ContentUnpacking`.
    package var codings: [String]
    /// The ETag if it is a strong one, otherwise the time of the last change. It shows whether a part belongs to the
    /// rest.
    package var validator: String?

    package init(codings: [String] = [], validator: String? = nil) {
        self.codings = codings
        self.validator = validator
    }
}

/// The point from which an interrupted download can resume.
package struct ResumePoint: Hashable, Sendable {
    /// The number of bytes already stored.
    package var offset: Int64
    /// The validator of the body that these bytes belong to.
    package var validator: String

    package init(offset: Int64, validator: String) {
        self.offset = offset
        self.validator = validator
    }
}

/// Receives the inline pictures of one answer.
package protocol PictureReceiver: Sendable {
    /// The API has answered with 2xx. The contents of the answer follow.
    func beginAnswer(_ head: AnswerHead) async
    /// - Parameter ordinal: counted from 0 in the order of arrival; `AnswerItem.inline` refers to it.
    func beginPicture(_ ordinal: Int) async throws -> any PictureSink
    /// Ends a picture. `isValid` is false if its text was not base64.
    func endPicture(_ ordinal: Int, isValid: Bool) async throws
    /// Discards a finished picture that turned out to be a preview instead of a result.
    func discardPicture(_ ordinal: Int) async
}

extension PictureReceiver {
    package func discardPicture(_ ordinal: Int) async {}
    package func beginAnswer(_ head: AnswerHead) async {}
}

/// The known part of a call once the head of its answer has arrived.
package struct AnswerHead: Hashable, Sendable {
    package var status: Int
    package var requestID: String?
    /// The time when the request's last byte was handed to the socket; nil if the answer came before that.
    package var sentAt: Timestamp?

    package init(status: Int, requestID: String? = nil, sentAt: Timestamp? = nil) {
        self.status = status
        self.requestID = requestID
        self.sentAt = sentAt
    }
}

package enum DownloadOutcome: Hashable, Sendable {
    /// The whole body is in the sink. Its reader decides whether it is a picture.
    case complete
    /// The host answered, but not with the picture. Worth another try later.
    case failed(message: String)
    /// The host was not reached, or did not answer, which shows nothing about the link. Worth another try later.
    case unreachable(message: String)
    /// The host refused to send the picture (with a 4xx that waiting does not change).
    case gone(message: String)
    /// The guard refused the link, and no connection was made. `message` names the host that an administrator would
    /// have to trust.
    case refused(message: String)
    /// The link can never be valid: another scheme, no host, userinfo.
    case impossible(message: String)
    /// The sink failed to store the bytes. The cause is this host (a full disk), not the link.
    case notStored(message: String)
}
