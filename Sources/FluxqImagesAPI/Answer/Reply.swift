import FluxqModel

/// One answer as it was read, before its meaning is decided.
struct Reply: Sendable {
    var status: Int
    /// The time that the answer asks to wait; nil if there is none or the value is not plausible.
    var retryAfter: Duration?
    /// True if there was a Retry-After header at all.
    var hasRetryAfter = false
    /// `x-should-retry`: tells whether the same request may succeed later, according to the API.
    var shouldRetry: Bool?
    /// The target of a redirect.
    var location: String?
    /// The request id from the headers.
    var requestID: String?
    /// The reason why the body is incomplete or unreadable; nil if it arrived in full.
    var defect: String?
    /// The values of Content-Encoding.
    var codings: [String] = []
    /// Content-Type.
    var mediaType: String?
    /// True if only the end of the connection ends the body.
    var isDelimitedByClose = false
    /// Only for a 2xx; nil otherwise.
    var answer: Answer?
    /// True if it contains a picture or a link worth keeping: whole, or damaged in an answer that is whole.
    var isAnswered = false
    /// True if something came in place of a picture, so the call may have been billed.
    var hasOthers = false
    /// The answer's own error.
    var error: ErrorDocument?
    /// The text of a body without an error of its own: a remark, or the beginning of a page.
    var remark: String?
    /// The errors of items without a picture.
    var itemErrors: [ErrorDocument] = []
    var says: Saying = .nothing
    /// The beginning of the body, for a person to read.
    var excerpt = ""

    /// The meaning of a body without picture and error.
    enum Saying: Sendable {
        case nothing
        /// A flag or a state shows that the content filter removed the picture.
        case moderated
        /// The API reports a failure without a reason.
        case failed
        /// The picture would come later, from another address.
        case task
        /// A web page for people.
        case page
    }

    var isSuccess: Bool { (200..<300).contains(status) }
}
