import Testing

@testable import FluxqImagesAPI

@Suite("Links in place of a picture")
struct PictureLinkTests {
    private func problem(_ text: String, mayBePrivate: Bool = false) -> String? {
        PictureLink.problem(with: text, mayBePrivate: mayBePrivate)
    }

    @Test(
        "an address that is not public is refused, and passes if private links are allowed",
        arguments: LinkGuardTests.inward)
    func inward(address: String) {
        let host = address.contains(":") ? "[\(address)]" : address
        for link in ["http://\(host)/a.png", "https://\(host):8443/a?b", "HTTPS://\(host)#c", "http://\(host)"] {
            #expect(problem(link)?.contains("is not public") == true, "\(link)")
            #expect(problem(link)?.contains("inputs.private_links") == true, "\(link)")
            #expect(problem(link, mayBePrivate: true) == nil, "\(link)")
        }
    }

    @Test("a public address passes, also over http and on every port", arguments: LinkGuardTests.outward)
    func outward(address: String) {
        let host = address.contains(":") ? "[\(address)]" : address
        for link in ["http://\(host)/a.png", "https://\(host):8443/a?b"] { #expect(problem(link) == nil, "\(link)") }
    }

    @Test(
        "an address is refused in every spelling, and so is a name that is not of the public Internet",
        arguments: [
            "127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0x7f.1",
            "127.0.0.1.", "127.1.", "127.0.0.01", "0", "0x0", "10.1", "167772161", "012.0.0.1", "192.168.257",
            "169.254.43518",
            "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "1.2.3.4.5", "127.0.0.0x1", "[::ffff:7f00:1]",
            "[::FFFF:127.0.0.1]",
            "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "localhost6",
            "ip6-localhost",
            "ip6-loopback", "metadata", "metadata.google.internal", "METADATA.GOOGLE.INTERNAL.", "instance-data",
            "instance-data.ec2.internal", "kubernetes.default.svc.cluster.local", "nas.local", "printer.lan",
            "router.home",
            "db.corp", "wiki.intranet", "x.private", "host.docker.internal", "fritz.home.arpa", "a.test", "b.onion",
        ])
    func names(host: String) {
        for link in ["http://\(host)/", "https://\(host):8080/latest/meta-data/"] {
            #expect(problem(link)?.contains("inputs.private_links") == true, "\(link): \(problem(link) ?? "")")
            #expect(problem(link, mayBePrivate: true) == nil, "\(link)")
        }
    }

    @Test(
        "a public name passes, whatever letters it has",
        arguments: [
            "http://example.org/x.png", "https://cdn.example.com:8443/a?X-Sig=%2b+a/b", "https://bücher.example/a",
            "https://my_host.example/", "https://localhost.example.org/", "https://10.0.0.1.example.org/",
            "https://xn--p1ai.xn--p1ai/",
            "https://internal.example/a@b", "https://example.org/?u=user:pw@10.0.0.1",
            "https://example.org#a@localhost",
        ])
    func publicNames(link: String) {
        #expect(problem(link) == nil)
    }

    @Test(
        "a user name, a password and an invalid host are refused, even if private links are allowed",
        arguments: [
            ("https://user:password@example.org/a", "user name or password"),
            ("https://user@example.org/", "user name"),
            ("http://:secret@example.org/", "password"), ("http://@example.org/", "user name"),
            ("https://example.org@10.0.0.1/", "user name"), ("https://10.0.0.1@example.org/", "user name"),
            (#"https://example.org\@10.0.0.1/"#, "user name"), (#"https://10.0.0.1\.example.org/"#, "not a host name"),
            ("https://user%3Apw@example.org/", "user name"), ("https://127.0.0.%31/", "not a host name"),
            ("https://[fe80::1%25eth0]/", "not an IPv6 address"), ("https://[::1/", "not a host name"),
            ("https://a..b/", "not a host name"),
            ("https://example.org:0/", "port 0"), ("https://example.org:99999/", "port 99999"),
            ("https://:443/", "no host"),
            ("https://１２７.０.０.１/", "beyond ASCII"), ("https://127。0。0。1/", "beyond ASCII"),
            ("https://ⓛocalhost/", "beyond ASCII"),
        ])
    func malformed(link: String, said: String) {
        for mayBePrivate in [false, true] {
            #expect(problem(link, mayBePrivate: mayBePrivate)?.contains(said) == true, "\(problem(link) ?? "")")
        }
    }
}
