package import Glibc

/// The address of a Unix socket: a path, or with a leading `@` a name in Linux's abstract namespace.
package struct UnixSocketAddress {
    /// The maximum bytes of a path, leaving room for its final NUL.
    package static let maxPathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// The directory of a socket. A user who can write there can replace the socket.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private var address = sockaddr_un()
    private let length: socklen_t

    /// nil if the name is empty, too long, or contains a NUL.
    package init?(_ name: String) {
        let bytes = Array(name.utf8)
        guard !bytes.isEmpty, bytes.count <= Self.maxPathBytes, !bytes.contains(0) else { return nil }
        let isAbstract = bytes.first == UInt8(ascii: "@")
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { field in
            field.copyBytes(from: bytes)
            if isAbstract { field[0] = 0 }
        }
        // The length ends an abstract name; a path ends with its NUL.
        let header = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        length = socklen_t(header + bytes.count + (isAbstract ? 0 : 1))
    }

    package func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafeBytes(of: address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { buffer in
                // A sockaddr_un is never empty, so the buffer has a base.
                guard let base = buffer.baseAddress else { preconditionFailure("an address without bytes") }
                return body(base, length)
            }
        }
    }
}
