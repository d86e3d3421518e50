import FluxqModel

/// One answer as it was read, before anybody says what it means.
struct Reply: Sendable {
    var status: Int
    /// How long the answer asks to wait, as far as that makes sense.
    var retryAfter: Duration?
    /// Whether there was a Retry-After at all.
    var hasRetryAfter = false
    /// `x-should-retry`: the API's own word on whether the same request may succeed later.
    var shouldRetry: Bool?
    /// Where a redirect points.
    var location: String?
    /// From the headers.
    var requestID: String?
    /// Why the body is not all there or cannot be read; nil if it came in full.
    var defect: String?
    /// The values of Content-Encoding.
    var codings: [String] = []
    /// Content-Type.
    var mediaType: String?
    /// The body has no other end than the connection's.
    var isDelimitedByClose = false
    /// Of a 2xx; nil otherwise.
    var answer: Answer?
    /// It holds a picture or a link that is worth keeping: whole, or damaged in an answer that is whole.
    var isAnswered = false
    /// Something stood in a picture's place, so that the call was not for nothing.
    var hasOthers = false
    /// The answer's own error.
    var error: ErrorDocument?
    /// What the body says if it has no error of its own: a remark, the beginning of a page.
    var remark: String?
    /// The errors of items that came without a picture.
    var itemErrors: [ErrorDocument] = []
    var says: Saying = .nothing
    /// The beginning of the body, for a person to look at.
    var excerpt = ""

    /// What a body without picture and error says.
    enum Saying: Sendable {
        case nothing
        /// A flag or a state says that the content filter took the picture away.
        case moderated
        /// The API failed, and says no more.
        case failed
        /// The picture would come later, elsewhere.
        case task
        /// A page for people.
        case page
    }

    var isSuccess: Bool { (200..<300).contains(status) }
}
