/// A link that a user gives in the place of a picture. fluxqd never opens it: the API does, from where it stands, which may be
/// a network that the user cannot reach.
package enum PictureLink {
    /// What is wrong with one that begins with http:// or https://; nil if it may be passed on.
    ///
    /// Names are not looked up: the API would do so again, elsewhere and later. So a public name that leads inwards passes.
    ///
    /// - Parameter mayBePrivate: it may lead to an address or a name that is not of the public Internet.
    package static func problem(with text: String, mayBePrivate: Bool) -> String? {
        let link: Link
        do {
            link = try Link(text)
        } catch {
            // A user name or password would be stored, and shown to everybody who sees the job.
            return "is a link that \(error.problem). Correct it, or send the picture itself"
        }
        guard !mayBePrivate, let reason = LinkGuard.reasonToDistrust(hostOf: link) else { return nil }
        return "is a link that \(reason). Send the picture itself, or ask an administrator to allow such links "
            + "(inputs.private_links)"
    }
}
