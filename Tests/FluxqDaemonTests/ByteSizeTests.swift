import Testing

@testable import FluxqDaemon

@Suite struct ByteSizeTests {
    @Test(
        "sizes take binary units",
        arguments: [
            ("1024", Int64(1024)), ("1 KiB", 1024), ("64MiB", 64 << 20), ("2  GiB", 2 << 30), ("0", 0), ("1 kib", nil),
            ("1 MB", nil), ("MiB", nil), ("1.5 MiB", nil), ("-1", nil), ("1 MiB x", nil),
        ] as [(String, Int64?)])
    func sizes(_ text: String, _ bytes: Int64?) {
        #expect(ByteSize.parse(text) == bytes)
    }
}
