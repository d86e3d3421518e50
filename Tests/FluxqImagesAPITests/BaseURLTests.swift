import Testing

@testable import FluxqImagesAPI

@Suite("The base URL of an API")
struct BaseURLTests {
    @Test(
        "a call and relative links follow from it",
        arguments: [
            (
                "https://api.example/v1/", "https://api.example/v1", "https://api.example/v1/images/generations",
                "https://api.example/a.png"
            ),
            (
                "HTTPS://API.example.:443", "HTTPS://API.example.:443", "https://api.example/images/generations",
                "https://api.example/a.png"
            ),
            (
                "http://[0:0::1]:8080/v1", "http://[0:0::1]:8080/v1", "http://[::1]:8080/v1/images/generations",
                "http://[::1]:8080/a.png"
            ),
            (
                "http+unix://%2Frun%2Fapi.sock/v1//", "http+unix://%2Frun%2Fapi.sock/v1",
                "http+unix://%2Frun%2Fapi.sock/v1/images/generations", "http://localhost/a.png"
            ),
        ])
    func parts(_ text: String, _ description: String, _ generations: String, _ relative: String) throws {
        let url = try BaseURL(text)
        #expect(url.description == description)
        #expect(url.generations == generations)
        #expect(url.base.resolve("/a.png") == relative)
        #expect(url.isPlainHTTP == text.hasPrefix("http:"))
    }

    @Test(
        "the URLs that fluxq creates itself equal their parsed texts",
        arguments: [BaseURL.umodelverse, .loopback(port: 8080)])
    func own(_ url: BaseURL) throws {
        #expect(try BaseURL(url.description) == url)
    }

    @Test(
        "an invalid URL is refused, and the error does not repeat it",
        arguments: [
            "", "api.example", "ftp://h", "https://", "https://u:p@h", "https://h/v1?x=1", "https://h/#f",
            "https://h:0", "https://h:", "//h", " https://h", "https://h ", "https://h\n", "https://h/%zz",
            "https://h/v1/images/generations/",
            "http+unix://run%2Fapi.sock", "https://a..b", "https://[::1",
        ])
    func invalid(text: String) {
        let error = #expect(throws: BaseURL.Invalid.self) { try BaseURL(text) }
        #expect(text.count < 10 || error?.problem.contains(text) == false)
    }

    @Test(
        "plain http exposes the key to the network, except on this host",
        arguments: [
            ("http://h", true), ("http://10.0.0.1/v1", true), ("http://localhost.example:8080", true),
            ("http://localhost:8080", false), ("http://[::1]/v1", false), ("https://h", false),
            ("http+unix://%2Frun%2Fapi.sock", false),
        ] as [(BaseURL, Bool)])
    func clear(_ url: BaseURL, _ isShown: Bool) {
        #expect(url.showsKeyToNetwork == isShown)
    }

    @Test(
        "this host is recognized by an address or a name that never leaves it",
        arguments: [
            ("localhost", true), ("127.0.0.1:80", true), ("127.9.9.9", true), ("[::1]:80", true), ("[0::1]", true),
            ("127.example", false), ("127.0.0.1.example", false), ("128.0.0.1", false), ("[::ffff:127.0.0.1]", false),
            ("localhost.example", false),
        ] as [(HostAndPort, Bool)])
    func loopback(_ place: HostAndPort, _ isLoopback: Bool) {
        #expect(place.isLoopback == isLoopback)
    }
}
