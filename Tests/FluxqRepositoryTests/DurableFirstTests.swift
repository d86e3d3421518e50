import FluxqTestSupport
import Testing

/// The rule is stated at `ContentStore`; this test keeps it the only way.
@Suite("Bytes durable first, then the row")
struct DurableFirstTests {
    @Test("only a store of content creates the pictures and objects that rows may name")
    func makers() throws {
        let made = #/(?:extension (?:StoredPicture|StoredObject)\b)|(?:\b(?:StoredPicture|StoredObject)(?:\.init)?\()/#
        let lines = try SourceLine.all(below: "Sources").filter { $0.text.contains(made) }
        let others = Set(lines.map(\.file)).filter { !$0.hasPrefix("FluxqArchive/") }
        #expect(lines.count > others.count)
        // The database reads these values back from its own rows.
        #expect(others == ["FluxqStore/Reads/Store+Jobs.swift"])
    }
}
