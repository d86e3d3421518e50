package import FluxqModel

/// In tests, a text stands for what somebody else said: `.notSent(message: "connection refused")`.
extension StoredMessage: ExpressibleByStringInterpolation {
    package init(stringLiteral text: String) { self = .said(text) }
}
