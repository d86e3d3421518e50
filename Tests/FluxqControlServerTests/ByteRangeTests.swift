import Testing

@testable import FluxqControlServer

@Suite("A Range header")
struct ByteRangeTests {
    @Test(
        "asks for a part of a hundred bytes",
        arguments: [
            ("bytes=0-0", 0...0), ("bytes=0-99", 0...99), ("bytes=10-19", 10...19), ("bytes=90-", 90...99),
            ("bytes=90-1000", 90...99), ("bytes=-10", 90...99), ("bytes=-1000", 0...99), ("BYTES=5-6", 5...6),
            ("bytes=7-99999999999999999999", 7...99),
        ] as [(String, ClosedRange<Int64>)])
    func part(header: String, range: ClosedRange<Int64>) {
        #expect(ByteRange(header, size: 100) == .part(range))
    }

    @Test("lies outside of a hundred bytes", arguments: ["bytes=100-", "bytes=100-200", "bytes=-0"])
    func unsatisfiable(header: String) {
        #expect(ByteRange(header, size: 100) == .unsatisfiable)
    }

    @Test(
        "is ignored if it is invalid",
        arguments: [
            nil, "", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1",
            "bytes=1-2-3",
        ])
    func ignored(header: String?) {
        #expect(ByteRange(header, size: 100) == .whole)
    }
}
