/// What the codes mean that the vendor and its like are known to send in `code`, `type` or `status`. A closed set: anything
/// else has no meaning of its own.
enum ErrorCode: Hashable, Sendable {
    /// The request is not acceptable as it is.
    case rejected
    case moderated
    /// The key, the money, or a permission.
    case account
    case rateLimited
    /// The API failed and says so itself.
    case serverError
    /// The API gave up waiting; what it waited for may still have been done.
    case timeout

    /// - Parameter word: compared without regard to case, and to whether words are joined by spaces, `-` or `_`.
    init?(word: String) {
        let folded = word.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 }
        guard let code = Self.known[String(folded)] else { return nil }
        self = code
    }

    private static let known: [String: ErrorCode] = [
        // Codes of this vendor.
        "param_error": .rejected, "invalid_messages": .rejected, "model_error": .rejected,
        "tokens_too_long": .rejected, "sensitive_check_error": .moderated,
        "auth_error": .account, "forbidden": .account, "rate_limit": .rateLimited,
        "internal_error": .serverError, "model_server_error": .serverError,
        "timeout": .timeout, "gateway_timeout_error": .timeout,
        // Types of this vendor.
        "invalid_request_error": .rejected, "permission_error": .account, "rate_limit_error": .rateLimited,
        // Codes and types of others with the same interface.
        "moderation_blocked": .moderated, "content_policy_violation": .moderated,
        "request_moderated": .moderated, "content_moderated": .moderated,
        "insufficient_quota": .account, "invalid_api_key": .account, "authentication_error": .account,
        "billing_hard_limit_reached": .account, "insufficient_balance": .account,
        "rate_limit_exceeded": .rateLimited, "too_many_requests": .rateLimited,
        "server_error": .serverError, "internal_server_error": .serverError,
    ]
}
