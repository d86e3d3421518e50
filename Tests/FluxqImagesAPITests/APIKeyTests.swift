import Testing

@testable import FluxqImagesAPI

@Suite("The API key is never shown")
struct APIKeyTests {
    @Test("however it is printed, alone or inside another value")
    func redacted() throws {
        let key = try APIKey(secret)
        let configuration = ImagesClient.Configuration(baseURL: "https://h", apiKey: key)
        var dumped = ""
        dump(configuration, to: &dumped)
        let texts = [
            "\(key)", String(describing: key), String(reflecting: key), key.description, "\(configuration)",
            String(reflecting: configuration), "\([key])", "\(Optional(key) as Any)", dumped,
        ]
        for text in texts { #expect(!text.contains(secret), "\(text)") }
        #expect(Mirror(reflecting: key).children.isEmpty)
        #expect("\(key)" == "[hidden]")
    }

    @Test(
        "a key that cannot be an HTTP header value is refused, and the error does not repeat it",
        arguments: [
            ("", APIKey.Invalid.empty), ("abc\n", .notPrintable(position: 4)),
            ("a\r\nX-Evil: 1", .notPrintable(position: 2)),
            ("xy z", .notPrintable(position: 3)), ("schlüssel", .notPrintable(position: 5)),
            ("a\u{0}", .notPrintable(position: 2)),
            (String(repeating: "a", count: 4097), .tooLong(limit: 4096)),
        ])
    func invalid(text: String, expected: APIKey.Invalid) {
        let error = #expect(throws: expected) { try APIKey(text) }
        #expect(text.isEmpty || error?.description.contains(text) == false)
    }
}
