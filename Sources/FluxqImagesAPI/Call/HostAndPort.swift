import NIOCore

/// `host` or `host:port`, of a link or of the configuration. An IPv6 address is in brackets.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
    /// The reason why a text is not a valid host.
    struct Malformed: Error, Hashable {
        /// Such as "names no host".
        let problem: String
    }

    /// Lowercase. An IPv6 address has no brackets and its shortest form, and a name has no dot at its end.
    package let host: String
    /// At least 1; nil if none is given.
    package let port: Int?

    init(host: String, port: Int?) {
        self.host = host
        self.port = port
    }

    /// nil if the text is anything else, such as a URL or a bare IPv6 address.
    package init?(_ text: String) {
        guard text.utf8.last != UInt8(ascii: ":"), let parsed = try? HostAndPort(authority: text[...]) else {
            return nil
        }
        self = parsed
    }

    /// Reads it as part of a link: the port after the colon may be missing, and a name with non-ASCII characters is
    /// converted to its xn-- form.
    init(authority: Substring) throws(Malformed) {
        guard !authority.contains("@") else { throw Malformed(problem: "holds a user name or password") }
        guard authority.utf8.allSatisfy({ $0 < 0x80 }) else {
            guard let ascii = Punycode.host(authority) else {
                throw Malformed(problem: "names a host beyond ASCII that cannot be looked up; its xn-- form could")
            }
            self = try HostAndPort(authority: ascii[...])
            return
        }
        let afterBrackets = authority.hasPrefix("[") ? authority.drop { $0 != "]" } : authority
        if let colon = afterBrackets.lastIndex(of: ":") {
            port = try Self.port(afterBrackets[colon...].dropFirst())
            host = try Self.host(authority[..<colon])
        } else {
            port = nil
            host = try Self.host(authority)
        }
    }

    package static func loopback(port: Int) -> HostAndPort { HostAndPort(host: "127.0.0.1", port: port) }

    package var description: String { port.map { "\(bracketedHost):\($0)" } ?? bracketedHost }

    /// The form of the host that precedes a port.
    var bracketedHost: String { host.contains(":") ? "[\(host)]" : host }

    /// True if it is this host itself, by an address or a name that never leaves it.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1"
            || (try? SocketAddress(ipAddress: host, port: 0)) != nil && host.hasPrefix("127.")
    }

    private static func port(_ digits: Substring) throws(Malformed) -> Int? {
        if digits.isEmpty { return nil }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            (1...65_535).contains(number)
        else { throw Malformed(problem: "names port \(digits), which is not a valid port") }
        return number
    }

    private static func host(_ text: Substring) throws(Malformed) -> String {
        if text.hasPrefix("["), text.hasSuffix("]") {
            let address = text.dropFirst().dropLast().lowercased()
            // A zone (RFC 6874) names one of this host's own networks. No link from outside can refer to one.
            guard address.contains(":"), !address.contains("%"),
                let canonical = (try? SocketAddress(ipAddress: address, port: 0))?.ipAddress
            else { throw Malformed(problem: "names a host that is not an IPv6 address") }
            return canonical
        }
        let name = text.hasSuffix(".") ? text.dropLast() : text
        guard !name.isEmpty else { throw Malformed(problem: "names no host") }
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= 253, labels.allSatisfy(isLabel) else {
            throw Malformed(problem: "names a host that is not a host name")
        }
        return name.lowercased()
    }

    private static func isLabel(_ text: Substring) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}
