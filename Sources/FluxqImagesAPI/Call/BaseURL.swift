import FoundationEssentials

/// The address of an images API: `base_url`, without the route that a call adds.
package struct BaseURL: Hashable, Sendable, CustomStringConvertible {
    /// The reason why a text is not a base URL. It never contains the text: people paste keys into URLs.
    package struct Invalid: Error, Hashable, Sendable {
        /// The text that follows the setting's name in a sentence, such as `must name a host`.
        package let problem: String
    }

    /// The URL as it was written, without slashes at its end.
    package let description: String
    /// nil for an API that is reached over the network.
    package let socket: SocketURL?
    /// The base of relative links in its answers.
    let base: AnswerBase

    /// The API that fluxq was made for.
    package static let umodelverse = BaseURL(
        description: "https://api.umodelverse.ai/v1", socket: nil,
        base: AnswerBase(scheme: "https", authority: "api.umodelverse.ai", path: "/v1"))

    /// The address of a stand-in on this host.
    package static func loopback(port: Int) -> BaseURL {
        let place = HostAndPort.loopback(port: port)
        return BaseURL(
            description: "http://\(place)/v1", socket: nil,
            base: AnswerBase(scheme: "http", authority: place.description, path: "/v1"))
    }

    private init(description: String, socket: SocketURL?, base: AnswerBase) {
        self.description = description
        self.socket = socket
        self.base = base
    }

    /// Accepts an http or https URL, or the URL of a socket. The caller checks whether the key is safe in transit.
    package init(_ text: String) throws(Invalid) {
        if text.lowercased().hasPrefix(SocketURL.scheme) {
            self = try Self.ofSocket(text)
            return
        }
        let example = "such as \(Self.umodelverse)"
        guard let parts = URLComponents(string: text, encodingInvalidCharacters: false),
            let scheme = parts.scheme.flatMap({ Link.Scheme(rawValue: $0.lowercased()) })
        else { throw Invalid(problem: "must be a URL that begins with https://, \(example)") }
        if parts.user != nil || parts.password != nil {
            throw Invalid(
                problem:
                    "must not hold a user name or password. Put the API key into a file, and its path into api.key_file"
            )
        }
        if parts.query != nil || parts.fragment != nil {
            throw Invalid(problem: "must end before the first ? or #, \(example)")
        }
        let afterScheme = text.drop { $0 != "/" }.dropFirst(2)
        let authority = afterScheme.prefix { $0 != "/" }
        guard let place = HostAndPort(String(authority)) else {
            throw Invalid(
                problem: "must name a host and, if it is not the default, a port from 1 to 65535, \(example)")
        }
        let path = try Self.trimmed(afterScheme.dropFirst(authority.count), example: example)
        let isUsualPort = place.port == nil || place.port == scheme.port
        self.init(
            description: String(text[..<path.endIndex]), socket: nil,
            base: AnswerBase(
                scheme: scheme.rawValue, authority: isUsualPort ? place.bracketedHost : place.description,
                path: String(path)))
    }

    private static func ofSocket(_ text: String) throws(Invalid) -> BaseURL {
        guard let socket = SocketURL(text) else {
            throw Invalid(
                problem: "must hold the absolute path of a socket, with every slash as %2F, such as \(socketExample)")
        }
        let path = try trimmed(socket.path[...], example: "such as \(socketExample)")
        return BaseURL(
            description: String(text.dropLast(socket.path.count - path.count)), socket: socket,
            base: AnswerBase(scheme: "http", authority: "localhost", path: String(path)))
    }

    /// Returns the path without slashes at its end.
    private static func trimmed(_ path: Substring, example: String) throws(Invalid) -> Substring {
        var trimmed = path
        while trimmed.last == "/" { trimmed = trimmed.dropLast() }
        if trimmed.hasSuffix(route) { throw Invalid(problem: "must end before \(route), \(example)") }
        return trimmed
    }

    private static let route = "/images/generations"
    package static let socketExample = "\(SocketURL.scheme)%2Frun%2Fapi%2Fhttp.sock/v1"

    /// The URL to which calls are sent, in the form that the HTTP library uses.
    var generations: String {
        "\(socket.map { SocketURL.scheme + $0.authority } ?? "\(base.scheme)://\(base.authority)")\(base.path)\(Self.route)"
    }

    /// True if the key is sent over plain http. Any user of this host may listen on a local port.
    package var isPlainHTTP: Bool { socket == nil && base.scheme == Link.Scheme.http.rawValue }

    /// True if plain http would send the key and the pictures beyond this host.
    package var showsKeyToNetwork: Bool { isPlainHTTP && HostAndPort(base.authority)?.isLoopback != true }
}
