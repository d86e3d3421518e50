import FluxqHost

/// The URL of an API behind a Unix socket of this host: `http+unix://%2Frun%2Fapi%2Fhttp.sock/v1`. Its host is the
/// socket's absolute path, with every slash as %2F.
package struct SocketURL: Hashable, Sendable {
    package static let scheme = "http+unix://"

    /// The host as it is written in the URL.
    let authority: String
    /// The absolute path of the socket.
    package let socket: String
    /// The part after the host; empty, or with a leading slash.
    package let path: String

    /// nil if the text is not such a URL.
    package init?(_ text: String) {
        guard text.lowercased().hasPrefix(Self.scheme), !text.contains("?"), !text.contains("#") else { return nil }
        let rest = text.dropFirst(Self.scheme.count)
        authority = String(rest.prefix { $0 != "/" })
        path = String(rest.dropFirst(authority.count))
        guard !authority.contains("@"), let socket = Self.decoded(authority), socket.hasPrefix("/"),
            !socket.hasSuffix("/"), !socket.utf8.contains(0), socket.utf8.count <= UnixSocketAddress.maxPathBytes
        else { return nil }
        self.socket = socket
    }

    /// Replaces every `%` and its two digits with the byte that they stand for; nil if the result is not UTF-8.
    private static func decoded(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
