import FluxqFormats

/// An error in the vendor's form: `{"error": {"message", "type", "param", "code"}}` (docs/images-api.md, "Errors");
/// `param` is the request's id.
struct VendorError: Error, Hashable, Sendable {
    let status: Int
    let type: String
    let code: String
    let message: String
    /// The value of `param` instead of the request's id: the invalid field, as other vendors send it.
    let field: String?

    init(status: Int, type: String, code: String, message: String, field: String? = nil) {
        self.status = status
        self.type = type
        self.code = code
        self.message = message
        self.field = field
    }

    /// A field that OpenAI's images API does not know, with OpenAI's message.
    static func unknownParameter(_ field: String) -> VendorError {
        VendorError(
            status: 400, type: "invalid_request_error", code: "unknown_parameter",
            message: "Unknown parameter: '\(field)'.", field: field)
    }

    /// A request that the vendor's page does not allow, or that the vendor rejects with another code.
    static func param(_ message: String, code: String = "param_error") -> VendorError {
        VendorError(status: 400, type: "invalid_request_error", code: code, message: message)
    }

    static func auth(_ message: String) -> VendorError {
        VendorError(status: 401, type: "invalid_request_error", code: "auth_error", message: message)
    }

    static func tooLarge(limit: Int) -> VendorError {
        VendorError(
            status: 413, type: "invalid_request_error", code: "request_too_large",
            message: "the request is longer than \(limit) bytes; send a smaller picture")
    }

    /// The vendor's error for a status. For 402, 404, 413, 422 and 503 the vendor's types and codes are not known.
    static func usual(for status: Int) -> VendorError {
        let (type, code, message): (String, String, String) =
            switch status {
            case 401: ("invalid_request_error", "auth_error", "the API key is not valid")
            case 402: ("invalid_request_error", "insufficient_balance", "the account's balance is used up")
            case 403: ("permission_error", "forbidden", "the account may not do this: its spend cap is reached")
            case 404: ("invalid_request_error", "not_found", "there is nothing here")
            case 409: ("conflict_error", "conflict", "the account is being changed; try again later")
            case 423: ("conflict_error", "locked", "the resource is locked; try again later")
            case 425: ("too_early_error", "too_early", "too early; try again later")
            case 408: ("timeout", "timeout", "the request took too long")
            case 413: ("invalid_request_error", "request_too_large", "the request is too long")
            case 429: ("rate_limit_error", "rate_limit", "too many requests; try again later")
            case 503: ("internal_error", "service_unavailable", "the service is busy; try again later")
            case 504: ("timeout", "gateway_timeout_error", "the model took too long to answer")
            case 300...499: ("invalid_request_error", "param_error", "the request cannot be served")
            default: ("internal_error", "internal_error", "something went wrong inside the service")
            }
        return VendorError(status: status, type: type, code: code, message: message)
    }

    func body(requestID: String, style: Style = Style()) -> JSONValue {
        .object(["error": object(requestID: requestID, style: style)])
    }

    func object(requestID: String, style: Style = Style()) -> JSONValue {
        .object([
            "message": .string(style.traceID ? "[trace_id: \(requestID)] \(message)" : message),
            "type": .string(type),
            "param": .string(field ?? requestID),
            "code": style.numberCodes ? .integer(Int64(status)) : .string(code),
        ])
    }

    /// Known deviations of errors from the vendor's page.
    struct Style: Hashable, Sendable {
        var numberCodes = false
        /// Applies to envelopes.
        var stringCodes = false
        var traceID = false
    }
}

/// True if the real vendor may have billed a call with that status. If the status leaves it open, it counts as billed,
/// the more expensive guess.
func isBilled(status: Int) -> Bool {
    switch status {
    case 200..<300, 408, 502, 504, 520...524: true
    default: false
    }
}
