import FoundationEssentials

/// Checks `api.base_url`. Messages never repeat the value: people paste keys into URLs.
enum BaseURL {
    struct Invalid: Error {
        /// What follows the key's name in a sentence.
        var text: String
    }

    /// - Returns: the URL without slashes at its end.
    static func checked(_ text: String) throws(Invalid) -> String {
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
                text: "must name a host and, where it is not the usual one, a port from 1 to 65535, \(example)")
        }
        if scheme == "http", !HostAndPort.isLoopback(host) {
            throw Invalid(
                text: "must begin with https://, because http shows the API key and the pictures to the network. "
                    + "Plain http is for this host alone: localhost, 127.0.0.1 or [::1]")
        }
        var trimmed = Substring(text)
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        if trimmed.hasSuffix("/images/generations") {
            throw Invalid(text: "must end before /images/generations, \(example)")
        }
        return String(trimmed)
    }
}
