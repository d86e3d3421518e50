import Glibc
import NIOCore

/// An IPv4 or IPv6 address and where in the world it lies.
struct IPAddress: Hashable, Sendable {
    /// 4 or 16, in the order of the network.
    let bytes: [UInt8]

    init?(_ address: SocketAddress) {
        guard let text = address.ipAddress else { return nil }
        var bytes = [UInt8](repeating: 0, count: address.protocol == .inet ? 4 : 16)
        guard inet_pton(address.protocol == .inet ? AF_INET : AF_INET6, text, &bytes) == 1 else { return nil }
        self.bytes = bytes
    }

    /// Whether the address belongs to one host of the public Internet, by IANA's registries of special-purpose addresses.
    ///
    /// Of IPv6 only 2000::/3 is handed out, so that mapped, translated, private, link-local and multicast addresses are
    /// refused by being outside of it.
    var isGloballyRoutable: Bool {
        if bytes.count == 4 { return !Self.specialV4.contains { matches($0) } }
        return matches(Self.globalV6) && !Self.specialV6.contains { matches($0) }
    }

    private func matches(_ block: Block) -> Bool {
        for (index, byte) in block.bytes.enumerated() {
            let bits = min(max(block.length - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            if bytes[index] & mask != byte & mask { return false }
        }
        return true
    }

    private struct Block {
        /// As many as the length reaches into.
        let bytes: [UInt8]
        /// In bits.
        let length: Int

        init(_ bytes: UInt8..., length: Int) {
            self.bytes = bytes
            self.length = length
        }
    }

    private static let specialV4 = [
        Block(0, length: 8),  // this network
        Block(10, length: 8),  // private
        Block(100, 64, length: 10),  // carrier-grade NAT
        Block(127, length: 8),  // loopback
        Block(169, 254, length: 16),  // link-local, cloud metadata
        Block(172, 16, length: 12),  // private
        Block(192, 0, 0, length: 24),  // protocol assignments
        Block(192, 0, 2, length: 24),  // documentation
        Block(192, 88, 99, length: 24),  // 6to4 relays
        Block(192, 168, length: 16),  // private
        Block(198, 18, length: 15),  // benchmarks
        Block(198, 51, 100, length: 24),  // documentation
        Block(203, 0, 113, length: 24),  // documentation
        Block(224, length: 4),  // multicast
        Block(240, length: 4),  // reserved, broadcast
    ]

    private static let globalV6 = Block(0x20, length: 3)
    private static let specialV6 = [
        Block(0x20, 0x01, 0x00, length: 23),  // protocol assignments: Teredo, benchmarks, ORCHID
        Block(0x20, 0x01, 0x0D, 0xB8, length: 32),  // documentation
        Block(0x20, 0x02, length: 16),  // 6to4
        Block(0x3F, 0xFF, 0x00, length: 20),  // documentation
    ]
}
