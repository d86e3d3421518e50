import NIOCore
import Testing

@testable import FluxqImagesAPI

@Suite("Links that may be downloaded")
struct LinkGuardTests {
    /// The first and the last address of every range of IANA's registries that is not part of the public Internet.
    static let inwardRanges = [
        ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"), ("169.254.0.0", "169.254.255.255"), ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"), ("192.0.2.0", "192.0.2.255"), ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"), ("198.18.0.0", "198.19.255.255"), ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"), ("224.0.0.0", "239.255.255.255"), ("240.0.0.0", "255.255.255.255"),
        ("::", "::1"), ("::0.0.0.0", "::255.255.255.255"), ("::ffff:0.0.0.0", "::ffff:255.255.255.255"),
        ("::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255"), ("64:ff9b::", "64:ff9b::255.255.255.255"),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"), ("100::", "100::ffff:ffff:ffff:ffff"),
        ("100:0:0:1::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ]

    /// Addresses within these ranges that an attacker would target.
    static let inward =
        inwardRanges.flatMap { [$0, $1] } + [
            "127.0.0.1", "169.254.169.254", "192.168.1.1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1",
            "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
            "64:ff9b:1::7f00:1", "2001:0:4136:e378::1", "2001:2::1", "2001:10::1", "2001:20::1", "2002:7f00:1::1",
            "2002:808:808::1", "5f00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "ff0e::1",
        ]

    /// The neighbours of these ranges, and some common addresses.
    static let outward = [
        "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
        "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
        "191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0",
        "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0",
        "203.0.112.255", "203.0.114.0", "223.255.255.255",
        // An IPv4 address of the public Internet, as reached by a network without IPv4.
        "64:ff9b::8.8.8.8", "64:ff9b::101:101",
        "2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::", "2001:4860:4860::8888",
        "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::",
        "2600::1", "2606:4700::1111", "2a00:1450::1", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]

    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 443) }

    @Test("addresses that are not public are refused", arguments: inward)
    func refuses(text: String) throws {
        let address = try address(text)
        #expect(try #require(IPAddress(address)).isGloballyRoutable == false)
        let guardOfLinks = LinkGuard(trustedHosts: [])
        #expect(throws: LinkGuard.Refused.self) {
            try guardOfLinks.check(Link("https://h/"), addresses: [address])
        }
    }

    @Test(
        "a refusal names the kind of address, and the remedy for a proxy's fake ones",
        arguments: [
            ("10.0.0.1", "a private address"), ("169.254.169.254", "a link-local address"),
            ("127.0.0.1", "this host itself"),
            ("::1", "this host itself"), ("64:ff9b::192.168.1.1", "NAT64 of a private address"),
            ("64:ff9b:1::1", "NAT64 of a local network"), ("::ffff:8.8.8.8", "an IPv4 address written as IPv6"),
            ("2002:808:808::1", "a 6to4 address"), ("2001:0:4136:e378::1", "a Teredo address"),
            ("198.18.0.5", "fake-IP DNS"), ("198.19.255.1", "fake-ip-filter"),
        ])
    func kinds(text: String, said: String) throws {
        let error = #expect(throws: LinkGuard.Refused.self) {
            try LinkGuard(trustedHosts: []).check(Link("https://cdn.example/a"), addresses: [try address(text)])
        }
        #expect(error?.message.contains(said) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("cdn.example:443 to downloads.trusted_hosts") == true)
    }

    @Test(
        "a non-ASCII name is looked up in its xn-- form",
        arguments: [
            ("https://bücher.example/a", "xn--bcher-kva.example"), ("https://MÜNCHEN.de/", "xn--mnchen-3ya.de"),
            ("https://例え.テスト/", "xn--r8jz45g.xn--zckzah"), ("https://faß.de/", "xn--fa-hia.de"),
            ("https://правда.рф/", "xn--80aafi6cg.xn--p1ai"),
        ])
    func international(text: String, host: String) throws {
        #expect(try Link(text).host == host)
        #expect(try Link(text).port == 443)
    }

    @Test("a plain http link on its usual port is tried over https first")
    func overHTTPS() throws {
        let secure = try #require(try Link("http://cdn.example/a?b=c").overHTTPS)
        #expect(secure.scheme == .https && secure.port == 443 && secure.target == "/a?b=c")
        #expect(try Link("http://cdn.example:8080/").overHTTPS == nil)
        #expect(try Link("https://cdn.example/").overHTTPS == nil)
        #expect(try Link("//cdn.example/a") == Link("https://cdn.example/a"))
    }

    @Test("addresses of the public Internet are not refused", arguments: outward)
    func allows(text: String) throws {
        let address = try address(text)
        #expect(try #require(IPAddress(address)).isGloballyRoutable)
        try LinkGuard(trustedHosts: []).check(Link("https://h/"), addresses: [address])
    }

    @Test("one address that is not public makes the name refused, at any position", arguments: inward, 0...3)
    func mixedAddresses(inward: String, place: Int) throws {
        let guardOfLinks = LinkGuard(trustedHosts: [])
        var addresses = try ["8.8.8.8", "2606:4700::1111", "1.1.1.1"].map(address)
        addresses.insert(try address(inward), at: place)
        let error = #expect(throws: LinkGuard.Refused.self) {
            try guardOfLinks.check(Link("https://cdn.example/a"), addresses: addresses)
        }
        #expect(error?.message.contains(try #require(addresses[place].ipAddress)) == true)
        #expect(error?.message.contains("add cdn.example:443 to downloads.trusted_hosts") == true)
    }

    @Test(
        "an address is recognized in every spelling that the system accepts",
        arguments: [
            "https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/", "https://0x7f000001/",
            "https://0X7F.0x0.0x0.0x1/", "https://0177.0.0.1/", "https://017700000001/", "https://0x7f.1/",
            "https://127.0.0.1./", "https://127.1./", "https://127.0.0.01/", "https://0/", "https://0.0/",
            "https://0x0/", "https://10.1/", "https://167772161/", "https://012.0.0.1/", "https://0xa.1/",
            "https://192.168.257/", "https://0300.0250.1.1/", "https://3232235777/", "https://172.1048577/",
            "https://0xac100001/", "https://169.254.43518/", "https://0xa9fea9fe/", "https://2852039166/",
            "https://0251.0376.0251.0376/", "https://4294967295/", "https://0xffffffff/", "https://037777777777/",
            "https://[::1]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::ffff:7f00:1]/", "https://[::FFFF:127.0.0.1]/",
            "https://[::127.0.0.1]/", "https://[::]/", "https://[FE80::1]/", "https://[fd00:ec2::254]/",
            "https://[64:ff9b::a9fe:a9fe]/", "https://[2002:a9fe:a9fe::1]/", "https://localhost/",
            "https://LOCALHOST/", "https://localhost:443/",
        ])
    func spellings(text: String) async throws {
        let resolver = HostResolver()
        let link = try Link(text)
        let result: Result<[SocketAddress], any Error>
        do {
            result = .success(try await resolver.addresses(of: link))
        } catch {
            result = .failure(error)
        }
        await resolver.shutdown()
        switch result {
        // If the system does not accept it as an address, no connection is possible.
        case .failure(let error): #expect(error is HostResolver.Unresolved)
        case .success(let addresses):
            #expect(!addresses.isEmpty)
            let guardOfLinks = LinkGuard(trustedHosts: ["127.0.0.2", "localhost.example", "8.8.8.8"])
            #expect(throws: LinkGuard.Refused.self) { try guardOfLinks.check(link, addresses: addresses) }
        }
    }

    @Test(
        "only https on port 443 is open to untrusted hosts",
        arguments: [
            ("https://h/", nil), ("https://h:443/", nil), ("HTTPS://H/", nil), ("http://h/", "h:80"),
            ("http://h:443/", "h:443"),
            ("https://h:8443/", "h:8443"), ("https://h:80/", "h:80"), ("http://[2600::1]:81/", "[2600::1]:81"),
        ] as [(String, String?)])
    func schemesAndPorts(link: String, named: String?) throws {
        let guardOfLinks = LinkGuard(trustedHosts: ["other", "h:1"])
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
            ("10.0.0.5", "http://10.0.0.5:9/", true), ("[::1]", "http://[::1]:9/", true),
            ("[::1]:9", "http://[::1]:9/", true), ("[::1]:9", "http://[::1]:8/", false),
            ("[0:0::1]", "http://[::1]/", true), ("[::FFFF:1.2.3.4]", "http://[::ffff:102:304]/", true),
            ("cdn.example", "http://xcdn.example/", false), ("cdn.example", "http://cdn.exampl/", false),
            ("example", "http://cdn.example/", false), ("cdn.example:443", "https://cdn.example/", true),
            ("cdn.example:443", "http://cdn.example/", false), ("cdn.example:443", "http://cdn.example:443/", true),
            ("cdn.example:8080", "https://cdn.example:80/", false), ("127.0.0.1", "http://127.1/", false),
            ("127.0.0.1", "http://2130706433/", false), ("127.0.0.1", "http://[::ffff:127.0.0.1]/", false),
            ("127.0.0.1", "http://localhost/", false), ("localhost", "http://127.0.0.1/", false),
        ])
    func trust(entry: String, link: String, isTrusted: Bool) throws {
        let guardOfLinks = LinkGuard(trustedHosts: [try #require(HostAndPort(entry))])
        let link = try Link(link)
        #expect(guardOfLinks.trusts(link) == isTrusted)
        if isTrusted {
            try guardOfLinks.check(link)
            try guardOfLinks.check(link, addresses: [address("127.0.0.1")])
        }
    }

    @Test(
        "an entry that is not a host is ignored",
        arguments: [
            "", "http://h", "h/path", "h:", "h:x", "h:0", "h:65536", "u@h", "a b", "[::1", "*", "*.h", ".h", ".", "h..",
            "::1", "[::1%1]", "fe80::1%eth0", "h%2e", "☃.example",
        ])
    func invalidEntries(entry: String) {
        #expect(HostAndPort(entry) == nil)
    }

    @Test(
        "a redirect is resolved to its target",
        arguments: [
            ("https://h/a/b?c", "https://x/y", "https://x/y"), ("https://h/a/b?c", "//x/y", "https://x/y"),
            ("https://h/a/b?c", "/y?z", "https://h/y?z"), ("https://h/a/b?c", "y", "https://h/a/y"),
            ("https://h/a/b?c", "?z", "https://h/a/b?z"), ("https://h", "y", "https://h/y"),
            ("https://h/a/b?c", "", "https://h/a/b"),
            ("http://h:81/a", "/y", "http://h:81/y"), ("https://[2600::1]/a", "/y", "https://[2600::1]/y"),
            ("https://h/a", "/x:y", "https://h/x:y"), ("https://h/a/b?c/d", "y", "https://h/a/y"),
            // Browsers would go to x; for other clients, as here, these are paths.
            ("https://h/a", "\\\\x\\y", "https://h/\\\\x\\y"), ("https://h/a", "/\\x/y", "https://h/\\x/y"),
        ])
    func redirects(from: String, location: String, to: String) throws {
        #expect(try Link(from).resolving(location: location) == Link(to))
    }

    @Test(
        "a redirect from https to http leads to a plain http link",
        arguments: ["http://cdn.example/", "HTTP://cdn.example/b", "http://cdn.example:443/"])
    func downgrade(location: String) throws {
        let guardOfLinks = LinkGuard(trustedHosts: ["api.example"])
        let link = try Link("https://cdn.example/a").resolving(location: location)
        #expect(throws: LinkGuard.Refused.self) { try guardOfLinks.check(link) }
    }

    @Test(
        "a host with a zone, a percent sign, an empty part or a non-ASCII letter is invalid",
        arguments: [
            "[fe80::1%25eth0]", "[fe80::1%eth0]", "[fe80::1%1]", "[2606:4700::1111%1]", "[2606:4700::1111%25lo]",
            "[1.1.1.1]",
            "[::1", "::1", "1%2e1.1.1", "%31.1.1.1", "h%00", "h..", "a..h", ".h", "..", ".", "", "☃.example", "①.1.1.1",
            "1。1。1。1", "１２７.０.０.１", "１27.0.0.1", "metadata.google.ｉnternal", "ℋost.example", "ﬁle.example", "ⅰ.example",
            "h\u{200B}", "h,x", "h*", "h\\", "[h]", "[]", "[::1]x",
        ])
    func noHost(host: String) {
        for port in ["", ":443", ":8443"] {
            #expect(throws: Link.Malformed.self) { try Link("https://\(host)\(port)/a") }
        }
    }

    @Test("a link that is too long is refused")
    func longLink() {
        #expect(throws: Link.Malformed.self) { try Link("https://h/" + String(repeating: "a", count: Link.longest)) }
    }
}
