/// What the images API said went wrong, as far as it said anything (docs/images-api.md, "Errors").
package struct APIError: Hashable, Sendable, Codable {
    /// HTTP status of the answer; nil when there was none.
    package var status: Int?
    /// `error.code`; numbers are kept as their decimal text.
    package var code: String?
    /// `error.type`.
    package var type: String?
    /// What it said, or what kept fluxq from hearing it.
    package var message: CallTrouble
    /// `error.param` or a request-id header: what to quote to the vendor's support.
    package var requestID: String?

    package init(
        status: Int? = nil, code: String? = nil, type: String? = nil, message: CallTrouble, requestID: String? = nil
    ) {
        self.status = status
        self.code = code
        self.type = type
        self.message = message
        self.requestID = requestID
    }
}
