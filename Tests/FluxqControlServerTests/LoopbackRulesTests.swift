import FluxqControl
import FluxqHost
import HTTPTypes
import Testing

@testable import FluxqControlServer

@Suite("A request at a TCP port")
struct LoopbackRulesTests {
    private static let address = LoopbackAddress(.v4(127, 0, 0, 1), port: 7839)
    private static let host = "127.0.0.1:7839"

    /// - Parameter host: nil for a request without a Host field.
    private static func refusal(
        _ method: HTTPRequest.Method = .get, host: String? = host, _ fields: [(String, String)] = [],
        at address: LoopbackAddress = address
    ) throws -> Problem.Code? {
        var head = HTTPRequest(method: method, scheme: "http", authority: host, path: "/v1/jobs")
        for (name, value) in fields {
            head.headerFields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
        }
        return LoopbackRules.refusal(of: head, at: address)?.code
    }

    @Test(
        "names the loopback and the port in its Host field",
        arguments: [
            "127.0.0.1:7839", "localhost:7839", "LOCALHOST:7839", "LocalHost:7839", "[::1]:7839",
        ])
    func goodHost(host: String) throws {
        #expect(try Self.refusal(host: host) == nil)
    }

    @Test(
        "of any other name is refused: the owner of a name decides where it leads",
        arguments: [
            nil, "", "127.0.0.1", "localhost", "[::1]", "evil.example", "evil.example:7839", "127.0.0.1:7838",
            "127.0.0.1:9000", "127.0.0.1:07839", "127.0.0.1:7839:7839", "localhost.:7839", "127.0.0.1.:7839",
            "me.localhost:7839", "localhost.evil.example:7839", "127.0.0.1.evil.example:7839", "0.0.0.0:7839",
            "[::]:7839", "::1:7839", "[::ffff:127.0.0.1]:7839", "[0:0:0:0:0:0:0:1]:7839", "127.0.0.2:7839",
            "127.1:7839", "2130706433:7839", "0x7f.1:7839", "user@127.0.0.1:7839", "127.0.0.1:7839@evil.example",
            "http://127.0.0.1:7839", "127.0.0.1:7839/", "127.0.0.1:7839,evil.example",
            "192.168.1.1:7839", "localhoſt:7839", "localhost:７839", "fluxq:7839", "%6cocalhost:7839",
        ] as [String?])
    func wrongHost(host: String?) throws {
        for method in [HTTPRequest.Method.get, .head, .post, .options] {
            #expect(
                try Self.refusal(method, host: host, [("Authorization", "Bearer x"), ("X-Fluxq", "1")]) == .wrongHost)
        }
    }

    @Test("with a second Host field is refused, even with the same value")
    func twoHosts() throws {
        #expect(try Self.refusal(.get, [("Host", "evil.example")]) == .wrongHost)
        #expect(try Self.refusal(.get, [("Host", Self.host)]) == .wrongHost)
        #expect(try Self.refusal(host: "evil.example", [("host", Self.host)]) == .wrongHost)
    }

    @Test("may name the port's own address, and leave out the port of http")
    func ownAddress() throws {
        let other = LoopbackAddress(.v4(127, 7, 7, 7), port: 80)
        for host in ["127.7.7.7", "127.7.7.7:80", "localhost", "localhost:80", "[::1]", "127.0.0.1:80"] {
            #expect(try Self.refusal(host: host, at: other) == nil, "\(host)")
        }
        #expect(try Self.refusal(host: "127.7.7.8", at: other) == .wrongHost)
        #expect(try Self.refusal(host: "[::1]:7839", at: LoopbackAddress(.v6, port: 7839)) == nil)
    }

    private static let unsafeMethods: [HTTPRequest.Method] = [
        .post, .put, .delete, .patch, .options, .trace, .connect, HTTPRequest.Method("PURGE") ?? .post,
        // Methods have capital letters; this is another one.
        HTTPRequest.Method("get") ?? .post,
    ]

    @Test("that may change something needs a Bearer value, whatever it is", arguments: unsafeMethods)
    func bearer(method: HTTPRequest.Method) throws {
        for value in ["Bearer x", "bearer sk-1", "BEARER  fluxq", "Bearer a b", "Bearer -"] {
            #expect(try Self.refusal(method, [("Authorization", value)]) == nil, "\(value)")
        }
        for value in [
            "", "Bearer", "Bearer ", "Bearer \t ", "Basic cm9vdDo=", "Bearerx", "x", "Token Bearer x", "Bearer\tx",
        ] {
            #expect(try Self.refusal(method, [("Authorization", value)]) == .bearerMissing, "\(value)")
        }
        #expect(try Self.refusal(method) == .bearerMissing)
        #expect(try Self.refusal(method, [("X-API-Key", "x"), ("Cookie", "a=b")]) == .bearerMissing)
        #expect(
            try Self.refusal(method, [("Authorization", "Bearer x"), ("Authorization", "Basic x")]) == .bearerMissing)
    }

    @Test("that only reads needs none", arguments: [HTTPRequest.Method.get, .head])
    func reading(method: HTTPRequest.Method) throws {
        #expect(try Self.refusal(method) == nil)
        #expect(try Self.refusal(method, [("Origin", "http://evil.example")]) == nil)
    }

    @Test("of fluxqd's own page has its origin and X-Fluxq")
    func ownPage() throws {
        let own = ("Origin", "http://127.0.0.1:7839")
        #expect(try Self.refusal(.post, [own, ("X-Fluxq", "1")]) == nil)
        #expect(try Self.refusal(.post, [own, ("X-Fluxq", "1"), ("Sec-Fetch-Site", "same-origin")]) == nil)
        #expect(
            try Self.refusal(.post, host: "LocalHost:7839", [("Origin", "http://localhost:7839"), ("x-fluxq", "1")])
                == nil)
        for fields in [
            [own], [("X-Fluxq", "1")], [own, ("X-Fluxq", "0")], [own, ("X-Fluxq", "")], [own, ("X-Fluxq", "1, 1")],
            [own, ("X-Fluxq", "1"), ("X-Fluxq", "1")], [own, own, ("X-Fluxq", "1")],
            // A page at another name of the same port is another site.
            [("Origin", "http://localhost:7839"), ("X-Fluxq", "1")],
        ]
            + [
                "null", "", "https://127.0.0.1:7839", "http://127.0.0.1", "http://127.0.0.1:7840",
                "http://127.0.0.1:7839/",
                "127.0.0.1:7839", "http://evil.example", "http://127.0.0.1:7839.evil.example", "file://",
                "http://127.0.0.1:7839 http://evil.example", "http://u@127.0.0.1:7839",
            ].map({ [("Origin", $0), ("X-Fluxq", "1")] })
        {
            #expect(try Self.refusal(.post, fields) == .crossSite, "\(fields)")
        }
    }

    @Test(
        "that a browser marks as another site's is refused, even a reading one, and one with a Bearer value",
        arguments: ["cross-site", "same-site", "Cross-Site", "", "none, cross-site", "anything"])
    func marked(site: String) throws {
        for method in [HTTPRequest.Method.get, .head, .post, .options] {
            let fields = [("Sec-Fetch-Site", site), ("Authorization", "Bearer x")]
            #expect(try Self.refusal(method, fields) == .crossSite)
        }
        #expect(try Self.refusal(.get, [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", site)]) == .crossSite)
    }

    @Test("that a browser marks as the user's own, or the page's, may read", arguments: ["none", "same-origin"])
    func unmarked(site: String) throws {
        #expect(try Self.refusal(.get, [("Sec-Fetch-Site", site)]) == nil)
        #expect(try Self.refusal(.post, [("Sec-Fetch-Site", site)]) == .crossSite)
        #expect(try Self.refusal(.post, [("Sec-Fetch-Site", site), ("Authorization", "Bearer x")]) == nil)
    }

    @Test(
        "of a form of another site is refused, whatever it claims to be",
        arguments: [
            "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/json",
        ])
    func form(type: String) throws {
        for origin in ["http://evil.example", "null"] {
            #expect(try Self.refusal(.post, [("Content-Type", type), ("Origin", origin)]) == .crossSite)
        }
        #expect(try Self.refusal(.post, [("Content-Type", type)]) == .bearerMissing)
    }
}
