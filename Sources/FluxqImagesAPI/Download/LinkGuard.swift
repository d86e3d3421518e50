import NIOCore

/// Decides which links may be downloaded. An answer's links come from outside, and this host can reach private
/// networks.
///
/// It allows https on port 443 of an address of the public Internet, and anything else only for hosts that an
/// administrator trusts.
struct LinkGuard: Sendable {
    /// The link was refused, and no connection was made.
    struct Refused: Error, Hashable {
        /// The reason, and the host that an administrator would have to trust.
        let message: String
    }

    /// `downloads.trusted_hosts`. A host without a port is trusted on every port.
    let trustedHosts: Set<HostAndPort>

    func trusts(_ link: Link) -> Bool {
        trustedHosts.contains(HostAndPort(host: link.host, port: nil)) || trustedHosts.contains(link.hostAndPort)
    }

    /// Checks a link before the host's name is resolved.
    func check(_ link: Link) throws(Refused) {
        guard !trusts(link) else { return }
        if link.scheme == .http { throw refusal(of: link, because: "is plain http") }
        if link.port != 443 { throw refusal(of: link, because: "is not on port 443") }
    }

    /// Checks the host's addresses. Every one of them must be public; otherwise the name could be pointed at a private
    /// host.
    func check(_ link: Link, addresses: [SocketAddress]) throws(Refused) {
        guard !trusts(link) else { return }
        for address in addresses {
            guard let reason = Self.reasonToDistrust(address) else { continue }
            if IPAddress(address)?.isFake == true, link.literalAddress == nil {
                throw fakeAddress(of: link, address.ipAddress ?? "no address")
            }
            throw refusal(of: link, because: reason)
        }
    }

    /// Returns a reason such as `leads to 10.0.0.1, which is not public (a private address)`; nil for a public address.
    private static func reasonToDistrust(_ address: SocketAddress) -> String? {
        let place = IPAddress(address)
        guard place?.isGloballyRoutable != true else { return nil }
        return "leads to \(address.ipAddress ?? "no address"), which is not public (\(place?.kind ?? "unknown"))"
    }

    /// Checks a link that a proxy downloads. The proxy resolves the name in its own network. So this checks only an
    /// address in the link itself, and names that never belong to the public Internet. A public name that points to a
    /// private host fails at TLS: no private host has a certificate for it.
    func checkForProxy(_ link: Link) throws(Refused) {
        guard !trusts(link) else { return }
        if let reason = Self.reasonToDistrust(hostOf: link) { throw refusal(of: link, because: reason) }
    }

    /// Returns why the link itself points to a private place, such as `leads to nas.local, which is not a name of the
    /// public Internet`; nil if it may be public. A name is not resolved.
    static func reasonToDistrust(hostOf link: Link) -> String? {
        if let address = link.literalAddress { return reasonToDistrust(address) }
        let labels = link.host.split(separator: ".")
        // No top-level domain begins with a digit: 127.1 and 0x7f000001 are addresses to a resolver.
        if labels.count > 1, let last = labels.last, last.first?.isLetter == true,
            !Self.innerDomains.contains(String(last)), !link.host.hasSuffix(".home.arpa")
        {
            return nil
        }
        return "leads to \(link.host), which is not a name of the public Internet"
    }

    /// Top-level domains that are reserved for use inside a network or a host (RFC 6761, 6762, 7686, 9476 and ICANN's
    /// `internal`).
    private static let innerDomains: Set<String> = [
        "localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "localdomain", "test",
        "invalid", "onion", "alt",
    ]

    private func fakeAddress(of link: Link, _ address: String) -> Refused {
        Refused(
            message:
                "The link to \(link.hostAndPort) was not opened, because the name leads to \(address), which is not public: it "
                + "is fake-IP DNS. A proxy of this network (Clash, mihomo, sing-box, Surge) answers every name with such an "
                + "address. An administrator can exclude \(link.host) there (Clash: dns.fake-ip-filter; sing-box: a dns rule "
                + "without fakeip). Or set a proxy for the endpoint, or add \(link.hostAndPort) to "
                + "downloads.trusted_hosts.")
    }

    private func refusal(of link: Link, because reason: String) -> Refused {
        Refused(
            message:
                "The link to \(link.hostAndPort) was not opened, because it \(reason). If this host is the API's own, "
                + "an administrator can add \(link.hostAndPort) to downloads.trusted_hosts.")
    }
}
