import Testing

@testable import FluxqModel

@Suite("Numbers and hashes that people type")
struct NumberTests {
    @Test("a job's number is decimal digits from 1 to 2^63 − 1", arguments: ["1", "42", "007", "9223372036854775807"])
    func jobNumber(_ text: String) {
        #expect(JobID(text) != nil)
    }

    @Test(
        "anything else is no job's number",
        arguments: ["", "0", "-1", "+1", "9223372036854775808", "1.0", "1e3", "abc", " 1", "１", "0x1"])
    func notAJobNumber(_ text: String) {
        #expect(JobID(text) == nil)
    }

    @Test("a hash on the wire is sha256: and 64 lower-case hexadecimal digits")
    func hash() throws {
        let hex = String(repeating: "0123456789abcdef", count: 4)
        let hash = try #require(ContentHash(wire: "sha256:\(hex)"))
        #expect(hash.hex == hex)
        #expect(hash.description == "sha256:\(hex)")
        #expect(ContentHash(digest: Array(repeating: 0x0f, count: 32)).hex == String(repeating: "0f", count: 32))
        for wrong in [
            hex, "sha256:", "sha256:\(hex)0", "sha256:\(hex.dropLast())", "SHA256:\(hex)", "sha256:\(hex.uppercased())",
        ] {
            #expect(ContentHash(wire: wrong) == nil)
        }
    }
}
