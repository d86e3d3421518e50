import FluxqModel
import Glibc

/// `host` or `host:port`; an IPv6 address stands in brackets.
struct HostAndPort: CustomStringConvertible {
    /// In lower case; an IPv6 address with its brackets.
    let host: String
    let port: UInt16?

    /// Nil if the text is something else, such as a URL or a bare IPv6 address.
    init?(_ text: String) {
        let hostEnd = text.hasPrefix("[") ? text.firstIndex(of: "]").map(text.index(after:)) : text.firstIndex(of: ":")
        let host = text[..<(hostEnd ?? text.endIndex)].lowercased()
        let rest = text[(hostEnd ?? text.endIndex)...]
        guard Self.isHost(host) else { return nil }
        self.host = host
        if rest.isEmpty {
            port = nil
        } else {
            guard rest.first == ":", let number = FixedPoint.parse(String(rest.dropFirst()), decimals: 0),
                let port = UInt16(exactly: number), port > 0
            else { return nil }
            self.port = port
        }
    }

    var description: String { port.map { "\(host):\($0)" } ?? host }

    /// This host itself, by an address or a name that never leaves it.
    static func isLoopback(_ host: String) -> Bool {
        var address = in_addr()
        if inet_pton(AF_INET, host, &address) == 1 { return UInt32(bigEndian: address.s_addr) >> 24 == 127 }
        return host == "localhost" || host == "[::1]"
    }

    private static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("[") {
            var address = in6_addr()
            return host.hasSuffix("]") && inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1
        }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        return host.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy {
                        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0)
                            || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                    }
            }
    }
}
