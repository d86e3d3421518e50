/// The meanings of the codes that the vendor and similar APIs are known to send in `code`, `type`, `status` or
/// `finish_reason`. The set is closed: any other code has no meaning.
enum ErrorCode: Hashable, Sendable {
    /// The request is not acceptable in this form.
    case rejected
    case moderated
    /// The key, the balance, or a permission is the cause.
    case account
    case rateLimited
    /// The API reports its own failure.
    case serverError
    /// The API stopped waiting. The work may still have been done.
    case timeout
    /// The server was reached but has no such address.
    case wrongAddress

    /// - Parameter word: compared without case, spaces, `-`, `_` and `.`: `RequestModerated` equals
    ///   `request_moderated`.
    init?(word: String) {
        guard word.utf8.count <= 100, let code = Self.known[Self.folded(word)] else { return nil }
        self = code
    }

    private static func folded(_ word: String) -> String {
        word.lowercased().filter { !" -_.".contains($0) }
    }

    private static let words: [ErrorCode: [String]] = [
        .rejected: [
            "param_error", "invalid_messages", "model_error", "tokens_too_long", "invalid_request_error",
            // From other APIs with the same interface.
            "invalid_parameter", "invalid_parameter_error", "invalid_image", "invalid_image_format",
            "image_parse_error",
            "image_too_large", "model_not_found", "invalid_value", "unsupported_parameter", "unknown_parameter",
        ],
        .moderated: [
            "sensitive_check_error", "moderation_blocked", "content_policy_violation", "request_moderated",
            "content_moderated", "input_moderated", "output_moderated", "moderated", "moderation_failed", "flagged",
            "content_filter", "content_filtered", "filtered", "safety", "image_safety", "safety_violation",
            "safety_block", "prohibited_content", "image_prohibited_content", "blocklist", "nsfw", "nsfw_content",
            "nsfw_detected", "nsfw_content_detected", "unsafe_content", "sensitive_content",
            "sensitive_content_detected", "input_text_sensitive_content_detected",
            "input_image_sensitive_content_detected", "output_image_sensitive_content_detected",
            "data_inspection_failed", "responsible_ai_policy_violation", "policy_violation", "content_violation",
            "prompt_blocked", "image_content_blocked", "censored", "risk_content",
        ],
        .account: [
            "auth_error", "forbidden", "permission_error", "insufficient_quota", "invalid_api_key",
            "authentication_error", "billing_hard_limit_reached", "insufficient_balance", "insufficient_user_quota",
            "insufficient_credits", "insufficient_credit", "insufficient_funds", "quota_exceeded",
            "exceeded_current_quota_error", "credit_exhausted", "credits_exhausted", "payment_required",
            "billing_not_active", "billing_error", "budget_exceeded", "spend_limit_reached", "arrearage",
            "account_overdue_error", "account_deactivated", "account_suspended", "access_terminated_error",
            "access_denied", "permission_denied", "unauthorized", "unauthenticated", "invalid_token", "token_expired",
            "expired_api_key", "incorrect_api_key", "missing_api_key", "unsupported_country_region_territory",
            "ip_not_authorized", "ip_not_allowed",
        ],
        .rateLimited: [
            "rate_limit", "rate_limit_error", "rate_limit_exceeded", "too_many_requests", "rate_limited", "throttling",
            "throttled", "throttling_exception", "resource_exhausted", "concurrency_limit_exceeded",
            "request_limit_exceeded", "requests_limit_exceeded",
        ],
        .serverError: [
            "internal_error", "model_server_error", "server_error", "internal_server_error", "api_error",
        ],
        .timeout: ["timeout", "gateway_timeout_error", "gateway_timeout", "request_timeout", "deadline_exceeded"],
        .wrongAddress: ["unknown_url", "url_not_found", "route_not_found", "no_route_matched"],
    ]

    private static let known: [String: ErrorCode] = Dictionary(
        words.flatMap { code, words in words.map { (folded($0), code) } }
    ) { first, _ in first }
}
