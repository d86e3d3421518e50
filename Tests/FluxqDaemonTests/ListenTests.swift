import FluxqHost
import FluxqTestSupport
import Testing

@testable import FluxqDaemon

@Suite("listen.http")
struct ListenTests {
    private static let v4 = LoopbackAddress(.v4(127, 0, 0, 1), port: 7839)
    private static let v6 = LoopbackAddress(.v6, port: 7839)
    private static let expectation =
        "must be a loopback address with a port from 1 to 65535, such as 127.0.0.1:7839 or \"[::1]:7839\" (fluxqd serves "
        + "only its own host)"

    private let fixture: ConfigurationFixture

    init() throws {
        fixture = try ConfigurationFixture()
    }

    @Test("is off by default, and takes one address or a list")
    func values() throws {
        #expect(Configuration().listen.http == [])
        for (yaml, addresses) in [
            ("127.0.0.1:7839", [Self.v4]), ("\"[::1]:7839\"", [Self.v6]), ("[127.0.0.1:7839]", [Self.v4]),
            ("[127.0.0.1:7839, \"[::1]:7839\"]", [Self.v4, Self.v6]), ("[]", []),
            ("127.0.0.9:1", [LoopbackAddress(.v4(127, 0, 0, 9), port: 1)]),
        ] {
            #expect(try fixture.load("listen:\n  http: \(yaml)\n").listen.http == addresses, "\(yaml)")
        }
    }

    @Test("is overridden by the environment")
    func environment() throws {
        let yaml = "listen:\n  http: 127.0.0.1:1\n"
        for (text, addresses) in [
            ("127.0.0.1:7839", [Self.v4]), ("[::1]:7839", [Self.v6]),
            ("127.0.0.1:7839, [::1]:7839", [Self.v4, Self.v6]),
            ("", []),
        ] {
            #expect(try fixture.load(yaml, environment: ["FLUXQ_LISTEN_HTTP": text]).listen.http == addresses)
        }
        #expect(
            try fixture.complaints(nil, environment: ["FLUXQ_LISTEN_HTTP": "0.0.0.0:7839"])
                == [
                    "$FLUXQ_LISTEN_HTTP: listen.http has an element that \(Self.expectation), but is \"0.0.0.0:7839\"."
                ])
    }

    @Test(
        "is refused for anything but the loopback, with its place and what to write",
        arguments: [
            "0.0.0.0:7839", "192.168.1.5:7839", "10.0.0.1:80", "localhost:7839", "example.org:7839", "7839", ":7839",
            "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "*:7839", "127.0.0.1:7839/v1", "/run/x.sock",
        ])
    func refused(text: String) throws {
        #expect(
            try fixture.complaints("listen:\n  http: \"\(text)\"\n")
                == ["FILE:2: listen.http \(Self.expectation), but is \"\(text)\"."])
        #expect(
            try fixture.complaints("listen:\n  http:\n    - 127.0.0.1:7839\n    - \"\(text)\"\n")
                == ["FILE:4: listen.http has an element that \(Self.expectation), but is \"\(text)\"."])
    }

    @Test("is refused if an address comes twice, or if it is no address at all")
    func shapes() throws {
        #expect(
            try fixture.complaints("listen:\n  http: [127.0.0.1:7839, 127.0.0.1:7839]\n")
                == ["FILE:2: listen.http gives 127.0.0.1:7839 twice. Keep one."])
        #expect(
            try fixture.complaints("listen:\n  http:\n    port: 7839\n")
                == [
                    "FILE:2: listen.http must be a loopback address or a list of them, such as "
                        + "[127.0.0.1:7839, \"[::1]:7839\"], but is a group of keys."
                ])
        // What a bracket without quotation marks means in YAML.
        #expect(try fixture.complaints("listen:\n  http: [::1]:7839\n").allSatisfy { $0.contains("quotation marks") })
    }

    @Test("changes at the next start only")
    func reload() throws {
        var next = Configuration()
        next.listen.http = [Self.v4]
        let (taken, changed, late) = Configuration().takingOn(next)
        #expect(taken.listen.http == [] && changed == [] && late == ["listen.http"])
    }
}
