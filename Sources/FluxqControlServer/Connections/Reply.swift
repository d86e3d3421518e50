package import HummingbirdCore

/// A response, and the action that depends on whether its client has received it.
package struct Reply: Sendable {
    package var response: Response
    /// Called once, after the response was sent, with whether the client has taken every byte of it. The kernel decides;
    /// in doubt it has not.
    package var settle: (@Sendable (_ isTaken: Bool) async -> Void)?

    package init(_ response: Response, settle: (@Sendable (_ isTaken: Bool) async -> Void)? = nil) {
        self.response = response
        self.settle = settle
    }
}
