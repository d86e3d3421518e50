import FluxqTestSupport
import Testing

/// The rule stands at `ContentStore`; this keeps it the only way.
@Suite("Bytes durable first, then the row")
struct DurableFirstTests {
    @Test("nobody but a store of content makes the pictures and objects that rows may name")
    func makers() throws {
        let made = #/(?:extension (?:StoredPicture|StoredObject)\b)|(?:\b(?:StoredPicture|StoredObject)(?:\.init)?\()/#
        let lines = try SourceLine.all(below: "Sources").filter { $0.text.contains(made) }
        let others = Set(lines.map(\.file)).filter { !$0.hasPrefix("FluxqArchive/") }
        #expect(lines.count > others.count)
        // The database reads back what it was told.
        #expect(others == ["FluxqStore/Reads/Store+Jobs.swift"])
    }
}
