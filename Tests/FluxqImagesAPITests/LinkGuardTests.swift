import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("Which links may be fetched")
struct LinkGuardTests {
    static let inward = [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1",
        "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
        "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1", "2001:2::1",
        "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1", "2002::1", "2002:7f00:1::1", "2002:808:808::1",
        "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "febf::1", "fec0::1",
        "ff00::1", "ff02::1", "ff0e::1", "e000::1",
    ]

    static let outward = [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255",
        "128.0.0.1",
        "169.253.1.1", "169.255.1.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.0.3.1", "192.167.1.1",
        "192.169.1.1",
        "198.17.1.1", "198.20.1.1", "203.0.112.1", "223.255.255.255", "2001:200::1", "2001:4860:4860::8888", "2003::1",
        "2600::1", "2606:4700::1111", "2a00:1450::1", "3ffe::1", "3fff:1000::1",
    ]

    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 443) }

    @Test("addresses that lead inwards are refused", arguments: inward)
    func refuses(text: String) throws {
        let address = try address(text)
        #expect(try #require(IPAddress(address)).isGloballyRoutable == false)
        let guardOfLinks = try LinkGuard(trustedHosts: [])
        #expect(throws: LinkGuard.Refused.self) {
            try guardOfLinks.check(Link("https://h/"), addresses: [address])
        }
    }

    @Test("addresses of the public Internet are not", arguments: outward)
    func allows(text: String) throws {
        let address = try address(text)
        #expect(try #require(IPAddress(address)).isGloballyRoutable)
        try LinkGuard(trustedHosts: []).check(Link("https://h/"), addresses: [address])
    }

    @Test("one address that leads inwards spoils the name")
    func mixedAddresses() throws {
        let guardOfLinks = try LinkGuard(trustedHosts: [])
        let addresses = [try address("8.8.8.8"), try address("10.0.0.1")]
        let error = #expect(throws: LinkGuard.Refused.self) {
            try guardOfLinks.check(Link("https://cdn.example/a"), addresses: addresses)
        }
        #expect(error?.message.contains("10.0.0.1") == true)
        #expect(error?.message.contains("add cdn.example:443 to downloads.trusted_hosts") == true)
    }

    @Test(
        "only https on port 443 is open to untrusted hosts",
        arguments: [
            ("https://h/", nil), ("https://h:443/", nil), ("HTTPS://H/", nil), ("http://h/", "h:80"),
            ("http://h:443/", "h:443"),
            ("https://h:8443/", "h:8443"), ("https://h:80/", "h:80"), ("http://[2600::1]:81/", "[2600::1]:81"),
        ] as [(String, String?)])
    func schemesAndPorts(link: String, named: String?) throws {
        let guardOfLinks = try LinkGuard(trustedHosts: ["other", "h:1"])
        let link = try Link(link)
        if let named {
            let error = #expect(throws: LinkGuard.Refused.self) { try guardOfLinks.check(link) }
            #expect(error?.message.contains("add \(named) to downloads.trusted_hosts") == true)
        } else {
            try guardOfLinks.check(link)
        }
    }

    @Test(
        "trust is by host, or by host and port",
        arguments: [
            ("cdn.example", "http://cdn.example/", true), ("cdn.example", "https://cdn.example:8443/", true),
            ("CDN.example.", "http://cdn.EXAMPLE/", true), ("cdn.example:8080", "http://cdn.example:8080/", true),
            ("cdn.example:8080", "http://cdn.example/", false), ("cdn.example:80", "http://cdn.example/", true),
            ("cdn.example", "http://x.cdn.example/", false), ("cdn.example", "http://cdn.example.evil/", false),
            ("10.0.0.5", "http://10.0.0.5:9/", true), ("::1", "http://[::1]:9/", true),
            ("[::1]", "http://[::1]:9/", true),
            ("[::1]:9", "http://[::1]:9/", true), ("[::1]:9", "http://[::1]:8/", false),
        ])
    func trust(entry: String, link: String, isTrusted: Bool) throws {
        let guardOfLinks = try LinkGuard(trustedHosts: [entry])
        let link = try Link(link)
        #expect(guardOfLinks.trusts(link) == isTrusted)
        if isTrusted {
            try guardOfLinks.check(link)
            try guardOfLinks.check(link, addresses: [address("127.0.0.1")])
        }
    }

    @Test(
        "an entry that is no host is refused by the name of its setting",
        arguments: ["", "http://h", "h/path", "h:", "h:x", "h:0", "u@h", "a b", "[::1", "*"])
    func invalidEntries(entry: String) {
        let error = #expect(throws: ImagesClient.InvalidConfiguration.self) { try LinkGuard(trustedHosts: [entry]) }
        #expect(error?.key == "downloads.trusted_hosts")
    }

    @Test(
        "a redirect leads where it says",
        arguments: [
            ("https://h/a/b?c", "https://x/y", "https://x/y"), ("https://h/a/b?c", "//x/y", "https://x/y"),
            ("https://h/a/b?c", "/y?z", "https://h/y?z"), ("https://h/a/b?c", "y", "https://h/a/y"),
            ("https://h/a/b?c", "?z", "https://h/a/b?z"), ("https://h", "y", "https://h/y"),
            ("https://h/a/b?c", "", "https://h/a/b"),
            ("http://h:81/a", "/y", "http://h:81/y"), ("https://[2600::1]/a", "/y", "https://[2600::1]/y"),
            ("https://h/a", "/x:y", "https://h/x:y"), ("https://h/a/b?c/d", "y", "https://h/a/y"),
        ])
    func redirects(from: String, location: String, to: String) throws {
        #expect(try Link(from).resolving(location: location) == Link(to))
    }

    @Test("a link that is too long is no link")
    func longLink() {
        #expect(throws: Link.Malformed.self) { try Link("https://h/" + String(repeating: "a", count: Link.longest)) }
    }
}
