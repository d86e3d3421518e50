package import Glibc

/// A TCP port of an address that only programs of this host reach: one of 127.0.0.0/8, or ::1.
///
/// An IPv4 address that is written as an IPv6 address (`::ffff:127.0.0.1`) is that IPv4 address.
package struct LoopbackAddress: Hashable, Sendable {
    package enum Host: Hashable, Sendable {
        /// In the order of the network: the first byte is 127.
        case v4(UInt8, UInt8, UInt8, UInt8)
        /// ::1.
        case v6
    }

    package let host: Host
    package let port: UInt16

    package init(_ host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// nil if the text is anything but `127.0.0.1:7839` or `[::1]:7839` with any loopback address and port. A name, such
    /// as localhost, is none: it may have several addresses.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let name = text[..<colon]
        let isBracketed = name.hasPrefix("[") && name.hasSuffix("]")
        guard let host = Host(isBracketed ? name.dropFirst().dropLast() : name, isV6: isBracketed) else { return nil }
        self.init(host, port: port)
        // One spelling for each port: no sign, no leading zero.
        guard text.hasSuffix(":\(port)") else { return nil }
    }

    /// nil if it is not a loopback address.
    package init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
        let bytes = UnsafeRawBufferPointer(start: address, count: Int(length))
        switch Int32(address.pointee.sa_family) {
        case AF_INET where bytes.count >= MemoryLayout<sockaddr_in>.size:
            let address = bytes.loadUnaligned(as: sockaddr_in.self)
            guard let host = withUnsafeBytes(of: address.sin_addr, { Host($0) }) else { return nil }
            self.init(host, port: UInt16(bigEndian: address.sin_port))
        case AF_INET6 where bytes.count >= MemoryLayout<sockaddr_in6>.size:
            let address = bytes.loadUnaligned(as: sockaddr_in6.self)
            guard let host = withUnsafeBytes(of: address.sin6_addr, { Host($0) }) else { return nil }
            self.init(host, port: UInt16(bigEndian: address.sin6_port))
        default: return nil
        }
    }

    /// AF_INET or AF_INET6.
    package var family: Int32 {
        switch host {
        case .v4: AF_INET
        case .v6: AF_INET6
        }
    }

    package func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        func call(with address: some Any) -> Result {
            withUnsafeBytes(of: address) { bytes in
                bytes.withMemoryRebound(to: sockaddr.self) { buffer in
                    // A socket address is never empty, so the buffer has a base.
                    guard let base = buffer.baseAddress else { preconditionFailure("an address without bytes") }
                    return body(base, socklen_t(bytes.count))
                }
            }
        }
        switch host {
        case .v4:
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: host.bytes) }
            return call(with: address)
        case .v6:
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: host.bytes) }
            return call(with: address)
        }
    }
}

extension LoopbackAddress.Host {
    /// `::ffff:0:0/96`, the IPv4 addresses among those of IPv6.
    private static let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// - Parameter bytes: 4 or 16, in the order of the network.
    init?(_ bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        switch bytes.count {
        case 4 where bytes[0] == 127: self = .v4(bytes[0], bytes[1], bytes[2], bytes[3])
        case 16 where bytes == LoopbackAddress.Host.v6.bytes: self = .v6
        case 16 where bytes.starts(with: Self.mapped): self.init(bytes.suffix(4))
        default: return nil
        }
    }

    fileprivate init?(_ text: Substring, isV6: Bool) {
        var bytes = [UInt8](repeating: 0, count: isV6 ? 16 : 4)
        guard !text.utf8.contains(0), inet_pton(isV6 ? AF_INET6 : AF_INET, String(text), &bytes) == 1 else {
            return nil
        }
        self.init(bytes)
    }

    /// 4 or 16, in the order of the network.
    var bytes: [UInt8] {
        switch self {
        case .v4(let first, let second, let third, let fourth): [first, second, third, fourth]
        case .v6: [UInt8](repeating: 0, count: 15) + [1]
        }
    }
}

extension LoopbackAddress: CustomStringConvertible {
    package var description: String { "\(host):\(port)" }
}

extension LoopbackAddress.Host: CustomStringConvertible {
    /// As in a URL: `127.0.0.1`, `[::1]`.
    package var description: String {
        switch self {
        case .v4: bytes.map(String.init).joined(separator: ".")
        case .v6: "[::1]"
        }
    }
}
