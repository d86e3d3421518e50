import FluxqModel
import Testing

@Suite struct FixedPointTests {
    @Test(
        "decimals that floating point would round are read exactly",
        arguments: [
            ("0", 0), ("0.08", 80_000), ("0.1", 100_000), ("0.3", 300_000), ("1.000001", 1_000_001), ("2", 2_000_000),
            ("9007199254.740993", 9_007_199_254_740_993), ("9223372036854.775807", Int64.max), ("007.50", 7_500_000),
        ])
    func reads(_ text: String, _ micros: Int64) {
        #expect(FixedPoint.parse(text, decimals: 6) == micros)
    }

    @Test(
        "text other than plain digits is no number",
        arguments: [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0x10", "1_000", "٣", " 1", "1.2.3", "0.0000001", "NaN",
            "9223372036854.775808",
        ])
    func refuses(_ text: String) {
        #expect(FixedPoint.parse(text, decimals: 6) == nil)
    }

    @Test("whole numbers have no decimals", arguments: ["1.0", "1.", "1.5"])
    func whole(_ text: String) {
        #expect(FixedPoint.parse(text, decimals: 0) == nil)
    }

    @Test(
        "a printed number can be read back",
        arguments: [(Int64(0), "0"), (1, "0.001"), (250, "0.25"), (1000, "1"), (1500, "1.5"), (604_800_000, "604800")])
    func writes(_ value: Int64, _ text: String) {
        #expect(FixedPoint.text(value, decimals: 3) == text)
        #expect(FixedPoint.parse(text, decimals: 3) == value)
    }
}
