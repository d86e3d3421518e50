/// A link that a user gives instead of a picture. fluxqd never opens it: the API does, from its own network, which the
/// user may not be able to reach.
package enum PictureLink {
    /// Returns the problem with a link that begins with http:// or https://; nil if it may be passed on.
    ///
    /// Names are not resolved: the API resolves them again, elsewhere and later. So a public name that points to a
    /// private host is accepted.
    ///
    /// - Parameter mayBePrivate: true if it may point to an address or a name that is not of the public Internet.
    package static func problem(with text: String, mayBePrivate: Bool) -> String? {
        let link: Link
        do {
            link = try Link(text)
        } catch {
            // A user name or password would be stored, and shown to everyone who sees the job.
            return "is a link that \(error.problem). Correct it, or send the picture itself"
        }
        guard !mayBePrivate, let reason = LinkGuard.reasonToDistrust(hostOf: link) else { return nil }
        return "is a link that \(reason). Send the picture itself, or ask an administrator to allow such links "
            + "(inputs.private_links)"
    }
}
