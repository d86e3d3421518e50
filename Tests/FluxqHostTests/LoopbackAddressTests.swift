import Glibc
import Testing

@testable import FluxqHost

@Suite("A loopback address")
struct LoopbackAddressTests {
    @Test(
        "is written as in a URL, and read back from a socket address",
        arguments: [
            ("127.0.0.1:7839", LoopbackAddress(.v4(127, 0, 0, 1), port: 7839)),
            ("127.255.255.254:1", LoopbackAddress(.v4(127, 255, 255, 254), port: 1)),
            ("[::1]:65535", LoopbackAddress(.v6, port: 65535)),
            ("127.0.0.1:0", LoopbackAddress(.v4(127, 0, 0, 1), port: 0)),
        ])
    func written(text: String, address: LoopbackAddress) {
        #expect(LoopbackAddress(text) == address)
        #expect("\(address)" == text)
        #expect(address.withSocketAddress { LoopbackAddress($0, length: $1) } == address)
        #expect(address.withSocketAddress { address, _ in LoopbackAddress(address, length: 4) } == nil)
    }

    @Test(
        "may be written as an IPv6 address in other ways",
        arguments: [
            ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"), ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
            ("[::ffff:7f00:2]:80", "127.0.0.2:80"), ("[::0001]:80", "[::1]:80"),
        ])
    func otherSpellings(text: String, same: String) {
        #expect(LoopbackAddress(text) == LoopbackAddress(same))
    }

    @Test(
        "is nothing else",
        arguments: [
            "", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+80",
            "127.0.0.1:080", "127.0.0.1:80 ", " 127.0.0.1:80", "127.0.0.1:80:80", "127.1:80", "0177.0.0.1:80",
            "127.0.0.01:80", "2130706433:80", "0.0.0.0:80", "128.0.0.1:80", "126.255.255.255:80", "10.0.0.1:80",
            "192.168.1.1:80", "169.254.1.1:80", "localhost:80", "[::]:80", "[::2]:80", "::1:80", "[::1]", "[::1:80",
            "::1]:80", "[127.0.0.1]:80", "[fe80::1]:80", "[::1%lo]:80", "[::ffff:10.0.0.1]:80", "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80", "127.0.0.1\u{0}:80", "http://127.0.0.1:80", "١٢٧.0.0.1:80", "127.0.0.1:８０",
        ])
    func others(text: String) {
        #expect(LoopbackAddress(text) == nil)
    }

    @Test("is not a Unix socket's")
    func unix() throws {
        let address = try #require(UnixSocketAddress("/run/x"))
        #expect(address.withSocketAddress { LoopbackAddress($0, length: $1) } == nil)
    }
}
