package import FluxqControl
package import HummingbirdCore

/// Routes of another interface that is served on the same connections, such as the OpenAI-compatible one.
package protocol OtherInterface: Sendable {
    /// - Returns: nil if the path is not one of its routes.
    func answer(to call: Call) async -> Reply?
    /// A problem in the form of this interface, for a path that is not one of fluxq's own routes, or for a request that
    /// was refused before its route was looked up.
    /// - Returns: nil if the path belongs to fluxq's own interface.
    func response(to problem: Problem, path: String) -> Response?
}
