import Glibc
import NIOCore

/// An IPv4 or IPv6 address, with its classification as public or special.
struct IPAddress: Hashable, Sendable {
    /// 4 or 16 bytes, in network byte order.
    let bytes: [UInt8]

    init?(_ address: SocketAddress) {
        guard let text = address.ipAddress else { return nil }
        var bytes = [UInt8](repeating: 0, count: address.protocol == .inet ? 4 : 16)
        guard inet_pton(address.protocol == .inet ? AF_INET : AF_INET6, text, &bytes) == 1 else { return nil }
        self.bytes = bytes
    }

    /// True if the address belongs to one host of the public Internet, by IANA's registries of special-purpose
    /// addresses.
    ///
    /// Only 2000::/3 of IPv6 is assigned, so mapped, private, link-local and multicast addresses are refused because
    /// they are outside of it. A network without IPv4 reaches it through 64:ff9b::/96 (NAT64, RFC 6052). Such an
    /// address is classified by the IPv4 address inside it.
    var isGloballyRoutable: Bool {
        if let inner = translated { return inner.isGloballyRoutable }
        if bytes.count == 4 { return !Self.specialV4.contains { matches($0.block) } }
        return matches(Self.globalV6) && !Self.specialV6.contains { matches($0.block) }
    }

    /// The kind of an address that is not public, for people, such as "a private address"; nil for a public one.
    var kind: String? {
        guard !isGloballyRoutable else { return nil }
        if let inner = translated { return "NAT64 of \(inner.kind ?? "an address")" }
        let known = bytes.count == 4 ? Self.specialV4 : Self.specialV6 + Self.outsideV6
        return known.first { matches($0.block) }?.name ?? "not an address of the public Internet"
    }

    /// True for fake-IP DNS: a proxy on this host's network answers every name with an address that only it
    /// understands.
    var isFake: Bool { bytes.count == 4 && matches(Self.benchmarks) }

    /// The IPv4 address inside a NAT64 address; nil for any other address.
    private var translated: IPAddress? {
        bytes.count == 16 && matches(Self.nat64) ? IPAddress(bytes: Array(bytes[12...])) : nil
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
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
        /// As many bytes as the length covers, fully or partly.
        let bytes: [UInt8]
        /// In bits.
        let length: Int

        init(_ bytes: UInt8..., length: Int) {
            self.bytes = bytes
            self.length = length
        }
    }

    private typealias Special = (block: Block, name: String)

    private static let benchmarks = Block(198, 18, length: 15)
    private static let specialV4: [Special] = [
        (Block(0, length: 8), "an address of this network"),
        (Block(10, length: 8), "a private address"),
        (Block(100, 64, length: 10), "an address behind a carrier's NAT"),
        (Block(127, length: 8), "this host itself"),
        (Block(169, 254, length: 16), "a link-local address"),  // cloud metadata
        (Block(172, 16, length: 12), "a private address"),
        (Block(192, 0, 0, length: 24), "reserved"),
        (Block(192, 0, 2, length: 24), "an address for documentation"),
        (Block(192, 88, 99, length: 24), "a 6to4 relay"),
        (Block(192, 168, length: 16), "a private address"),
        (benchmarks, "a fake address"),
        (Block(198, 51, 100, length: 24), "an address for documentation"),
        (Block(203, 0, 113, length: 24), "an address for documentation"),
        (Block(224, length: 4), "a multicast address"),
        (Block(240, length: 4), "reserved"),  // and broadcast
    ]

    private static let globalV6 = Block(0x20, length: 3)
    private static let nat64 = Block(0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0, length: 96)
    private static let specialV6: [Special] = [
        (Block(0x20, 0x01, 0x00, 0x00, length: 32), "a Teredo address"),
        (Block(0x20, 0x01, 0x00, length: 23), "reserved"),  // benchmarks, ORCHID
        (Block(0x20, 0x01, 0x0D, 0xB8, length: 32), "an address for documentation"),
        (Block(0x20, 0x02, length: 16), "a 6to4 address"),
        (Block(0x3F, 0xFF, 0x00, length: 20), "an address for documentation"),
    ]
    /// Blocks outside of 2000::/3, listed only for their names.
    private static let outsideV6: [Special] = [
        (Block(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, length: 128), "this host itself"),
        (Block(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, length: 96), "an IPv4 address written as IPv6"),
        (Block(0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01, length: 48), "NAT64 of a local network"),
        (Block(0xFC, length: 7), "a private address"),
        (Block(0xFE, 0x80, length: 10), "a link-local address"),
        (Block(0xFF, length: 8), "a multicast address"),
    ]
}
