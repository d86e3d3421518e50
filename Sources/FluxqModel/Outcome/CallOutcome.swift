/// The outcome of one call of the images API: one case for each row of the outcome table, and nothing in between.
///
/// ```
/// outcome        billed?        the job and its lane
/// answered       yes            archiving
/// noImage        yes            failed: no_image
/// rejected       no             failed: rejected
/// moderated      no             failed: moderated
/// notSent        no             queued, not an attempt; the lane is held as unreachable
/// accountClosed  no             queued, not an attempt; the lane is held until the account is mended
/// wrongAddress   no             queued, not an attempt; the lane is held until the address is corrected
/// rateLimited    no             queued, not an attempt; the lane waits
/// serverError    presumed no    queued with backoff; failed: exhausted after the last attempt
/// unknown        nobody knows   failed: outcome_unknown, unless the job was submitted with on_unknown: retry
/// webPage        nobody knows   the same; the lane is held as a wrong address
/// ```
package enum CallOutcome: Hashable, Codable, Sendable {
    /// 2xx with at least one link or inline picture.
    case answered(Answer)
    /// 2xx and nothing that could be a picture.
    case noImage(Answer)
    /// The API does not want this request, now or ever: 400, 404, 413, 422, other 4xx, any redirect.
    case rejected(APIError)
    case moderated(APIError)
    /// Name, connection or TLS failed, or the request's last byte was never handed to the socket.
    case notSent(message: CallTrouble)
    /// The key, the account's money or its permissions: 401, 402, 403, spend cap, `insufficient_quota`.
    case accountClosed(APIError)
    /// The answer is not the API's own: a redirect, a 404, 405 or 410 without an error object, a 511.
    case wrongAddress(APIError)
    /// 429, or 503 with Retry-After. `retryAfter` is nil if the API gave none that makes sense.
    case rateLimited(APIError, retryAfter: Duration?)
    /// An answer in full with one of `api.unbilled_statuses`.
    case serverError(APIError)
    /// The request left and no answer that settles the matter came back.
    case unknown(APIError)
    /// 2xx with a web page, such as a portal's login or a gateway's notice: whether the API has seen the call nobody knows.
    case webPage(APIError)

    /// The rows of the table without what they carry: the ledger's word for each.
    package enum Kind: String, CaseIterable, Sendable {
        case answered
        case noImage = "no_image"
        case rejected, moderated
        case notSent = "not_sent"
        case accountClosed = "account_closed"
        case wrongAddress = "wrong_address"
        case rateLimited = "rate_limited"
        case serverError = "server_error"
        case unknown
        case webPage = "web_page"

        package var billing: Billing {
            switch self {
            case .answered, .noImage: .billed
            case .rejected, .moderated, .notSent, .accountClosed, .wrongAddress, .rateLimited, .serverError: .notBilled
            case .unknown, .webPage: .unknown
            }
        }
    }

    package var kind: Kind {
        switch self {
        case .answered: .answered
        case .noImage: .noImage
        case .rejected: .rejected
        case .moderated: .moderated
        case .notSent: .notSent
        case .accountClosed: .accountClosed
        case .wrongAddress: .wrongAddress
        case .rateLimited: .rateLimited
        case .serverError: .serverError
        case .unknown: .unknown
        case .webPage: .webPage
        }
    }

    package var billing: Billing { kind.billing }

    /// What the ledger says beside the word; nil if the answer speaks for itself.
    package var message: CallTrouble? {
        switch self {
        case .answered(let answer), .noImage(let answer): answer.defect
        case .notSent(let why): why
        case .rejected(let error), .moderated(let error), .accountClosed(let error), .wrongAddress(let error),
            .rateLimited(let error, _), .serverError(let error), .unknown(let error), .webPage(let error):
            error.message
        }
    }
}

/// A 2xx answer, its inline pictures already set aside (see `PictureReceiver` of the images client).
package struct Answer: Hashable, Codable, Sendable {
    /// `created`, when the answer had one that is a time.
    package var created: Timestamp?
    /// `usage` as JSON text.
    package var usage: String?
    package var requestID: String?
    package var items: [AnswerItem]
    /// The beginning of the body, inline pictures left out, for a person to look at when no picture can be used.
    package var excerpt: String
    /// Why the answer ended before its end, such as "the other side closed the connection"; nil if it came whole.
    package var defect: CallTrouble?

    package init(
        created: Timestamp? = nil, usage: String? = nil, requestID: String? = nil, items: [AnswerItem],
        excerpt: String = "", defect: CallTrouble? = nil
    ) {
        self.created = created
        self.usage = usage
        self.requestID = requestID
        self.items = items
        self.excerpt = excerpt
        self.defect = defect
    }
}

/// One element of the answer's `data`.
package struct AnswerItem: Hashable, Codable, Sendable {
    /// `url`, byte for byte.
    package var link: String?
    /// Which of the received inline pictures this is, counted from 0 in the order they came.
    package var inline: Int?
    /// The item's own `error`, or what is wrong with the picture that came.
    package var error: String?

    package init(link: String? = nil, inline: Int? = nil, error: String? = nil) {
        self.link = link
        self.inline = inline
        self.error = error
    }
}

/// One call as the ledger records it.
package struct CallReport: Hashable, Codable, Sendable {
    package var outcome: CallOutcome
    /// When the request's last byte was handed to the socket; nil if it never was.
    package var sentAt: Timestamp?
    /// HTTP status of the answer; nil if none came.
    package var status: Int?
    package var requestID: String?
    /// The outcome has its cause on this host (a picture that cannot be read, a shutdown), so it says nothing about the API.
    package var isLocal = false
    /// The beginning of an answer without pictures, for a person to look at; nil if there was none.
    package var excerpt: String?

    package init(outcome: CallOutcome, sentAt: Timestamp? = nil, status: Int? = nil, requestID: String? = nil) {
        self.outcome = outcome
        self.sentAt = sentAt
        self.status = status
        self.requestID = requestID
    }
}
