import NIOCore

/// A parsed web link. All bytes of its path and query that are legal in a request stay unchanged, because signatures
/// cover them. Other bytes are escaped, as browsers do; existing escapes are left alone.
struct Link: Hashable, Sendable {
    enum Scheme: String, Sendable {
        case http, https

        var port: Int { self == .https ? 443 : 80 }
    }

    /// The reason why a link can never be valid.
    typealias Malformed = HostAndPort.Malformed

    static let longest = 16 * 1024

    let scheme: Scheme
    /// Lowercase. An IPv6 address has no brackets and its shortest form, and a name has no dot at its end.
    let host: String
    let port: Int
    /// Path and query with a leading slash, as in the request line.
    let target: String

    init(_ text: String) throws(Malformed) {
        // Browsers ignore line breaks and tabs anywhere in a link, and white space around it.
        var text = String(text.unicodeScalars.filter { !["\t", "\n", "\r"].contains($0) }.map(Character.init))
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        if text.hasPrefix("//") { text = "https:" + text }
        guard text.utf8.count <= Self.longest else {
            throw Malformed(problem: "is longer than \(Self.longest) bytes")
        }
        let parts = text.utf8.prefix { $0 != UInt8(ascii: ":") }
        guard text.utf8.dropFirst(parts.count).starts(with: "://".utf8),
            let scheme = Scheme(rawValue: String(Substring(parts)).lowercased())
        else {
            throw Malformed(problem: "begins with neither https:// nor http://")
        }
        let rest = text.utf8.dropFirst(parts.count + 3)
        let authority = rest.prefix { !Self.endsAuthority($0) }
        let target = rest.dropFirst(authority.count).prefix { $0 != UInt8(ascii: "#") }
        self.scheme = scheme
        let place = try HostAndPort(authority: Substring(authority))
        host = place.host
        port = place.port ?? scheme.port
        let path = Self.escaped(target)
        self.target = path.hasPrefix("/") ? path : "/" + path
    }

    private init(scheme: Scheme, host: String, port: Int, target: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.target = target
    }

    /// The same link over https if it is plain http on its usual port; nil otherwise.
    var overHTTPS: Link? {
        guard scheme == .http, port == scheme.port else { return nil }
        return Link(scheme: .https, host: host, port: Scheme.https.port, target: target)
    }

    /// Returns the text with each byte that a path or query may not contain (RFC 3986) as `%` and two digits.
    private static func escaped(_ text: some Sequence<UInt8>) -> String {
        var result: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text {
            if byte <= 0x20 || byte >= 0x7F || "\"<>\\^`{|}".utf8.contains(byte) {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// `host`, with its port if it is not the scheme's default; IPv6 addresses in brackets.
    var authority: String { HostAndPort(host: host, port: port == scheme.port ? nil : port).description }

    /// In the form of `downloads.trusted_hosts`.
    var hostAndPort: HostAndPort { HostAndPort(host: host, port: port) }

    /// The host's address if the link contains one instead of a name; nil for a name.
    var literalAddress: SocketAddress? {
        // A failure is no error here: most hosts are names.
        try? SocketAddress(ipAddress: host, port: port)
    }

    /// Returns the target of a redirect from this link.
    func resolving(location: String) throws(Malformed) -> Link {
        if location.hasPrefix("//") { return try Link("\(scheme):\(location)") }
        let origin = "\(scheme)://\(authority)"
        if location.hasPrefix("/") { return try Link(origin + location) }
        let name = location.utf8.prefix { $0 != UInt8(ascii: ":") && !Self.endsAuthority($0) }
        if location.utf8.dropFirst(name.count).first == UInt8(ascii: ":") { return try Link(location) }
        let path = target.prefix { $0 != "?" }
        if location.isEmpty || location.hasPrefix("?") { return try Link(origin + path + location) }
        let folder = path.reversed().drop { $0 != "/" }.reversed()
        return try Link(origin + String(folder) + location)
    }

    private static func endsAuthority(_ byte: UInt8) -> Bool {
        // Some readers treat a backslash as a slash, others as a letter. Here it belongs to the host, which then is
        // refused.
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
    }
}
