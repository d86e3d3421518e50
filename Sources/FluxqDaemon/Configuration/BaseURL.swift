import FluxqImagesAPI
import FluxqMaintenance
import FoundationEssentials

/// Checks `api.base_url`. Messages never repeat the value: people paste keys into URLs.
enum BaseURL {
    struct Invalid: Error {
        /// What follows the key's name in a sentence.
        var text: String
    }

    /// - Returns: the URL without slashes at its end.
    static func checked(_ text: String) throws(Invalid) -> String {
        if text.lowercased().hasPrefix(SocketURL.scheme) { return try checkedSocket(text) }
        let example = "such as \(Configuration.API().baseURL)"
        guard let parts = URLComponents(string: text, encodingInvalidCharacters: false),
            let scheme = parts.scheme?.lowercased(), ["http", "https"].contains(scheme)
        else { throw Invalid(text: "must be a URL that begins with https://, \(example)") }
        if parts.user != nil || parts.password != nil {
            throw Invalid(
                text:
                    "must not hold a user name or password. Put the API key into a file, and its path into api.key_file"
            )
        }
        if parts.query != nil || parts.fragment != nil {
            throw Invalid(text: "must end before the first ? or #, \(example)")
        }
        let authority = text.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" }
        guard let host = HostAndPort(String(authority))?.host else {
            throw Invalid(
                text: "must name a host and, if it is not the default, a port from 1 to 65535, \(example)")
        }
        if scheme == "http", !HostAndPort.isLoopback(host) {
            throw Invalid(
                text: "must begin with https://, because http shows the API key and the pictures to the network. "
                    + "Plain http is for this host alone: localhost, 127.0.0.1 or [::1], or a Unix socket "
                    + "(\(socketExample))")
        }
        return try trimmed(text, example: example)
    }

    private static let socketExample = "\(SocketURL.scheme)%2Frun%2Fapi%2Fhttp.sock/v1"

    /// A user who can put a socket there gets the key: no other user must be able to.
    private static func checkedSocket(_ text: String) throws(Invalid) -> String {
        guard let url = SocketURL(text) else {
            throw Invalid(
                text: "must hold the absolute path of a socket, with every slash as %2F, such as \(socketExample)")
        }
        let above = url.socket.prefix(upTo: url.socket.lastIndex(of: "/") ?? url.socket.startIndex)
        let directory = above.isEmpty ? "/" : String(above)
        do throws(TrustedDirectory.Distrust) {
            try TrustedDirectory(directory).checkIsOwn(directory, isRootTrusted: true)
        } catch {
            throw Invalid(
                text:
                    "leads to a socket in a directory that is not safe: \(error.path) \(error.why). A user who can "
                    + "put a socket there gets the API key. Make root the owner of it and of every directory "
                    + "above, writable only by root"
            )
        }
        return try trimmed(text, example: "such as \(socketExample)")
    }

    /// Without slashes at its end, and without the route that fluxqd adds.
    private static func trimmed(_ text: String, example: String) throws(Invalid) -> String {
        var trimmed = Substring(text)
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        if trimmed.hasSuffix("/images/generations") {
            throw Invalid(text: "must end before /images/generations, \(example)")
        }
        return String(trimmed)
    }

    /// What an administrator should know of an address that is allowed.
    ///
    /// - Parameter key: of the configuration, such as `api.base_url`.
    static func warning(about url: String, _ key: String) -> String? {
        guard url.lowercased().hasPrefix("http://") else { return nil }
        return
            "\(key) is plain http to a port of this host. The program that listens there gets the API key; while "
            + "the server is stopped, any user can listen there. Better: https, or a socket in a directory that "
            + "only root can write "
            + "(\(socketExample))."
    }
}
