import FluxqModel

/// One answer as it was read, before anybody says what it means.
struct Reply: Sendable {
    var status: Int
    /// Retry-After as far as it makes sense.
    var retryAfter: Duration?
    /// Whether there was one at all.
    var hasRetryAfter = false
    /// Where a redirect points.
    var location: String?
    /// From the headers.
    var requestID: String?
    /// Why the body is not all there or cannot be read; nil where it came in full.
    var defect: String?
    /// A compression that was not asked for; such a body is not read.
    var encoding: String?
    /// The body has no other end than the connection's.
    var isDelimitedByClose = false
    /// Of a 2xx; nil otherwise.
    var answer: Answer?
    /// The answer's own error.
    var error: ErrorDocument?
    /// What the body says where it has no error of its own: a remark, the beginning of a page.
    var remark: String?
    /// The errors of items that came without a picture.
    var itemErrors: [ErrorDocument] = []

    var isSuccess: Bool { (200..<300).contains(status) }
}
