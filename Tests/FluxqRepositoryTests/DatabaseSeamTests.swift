import FluxqTestSupport
import Testing

@Suite("The seam below the store")
struct DatabaseSeamTests {
    private static let engine = "Engine/SQLiteEngine.swift"

    @Test("one file of the sources knows the database library")
    func imports() throws {
        let importing = try SourceLine.all(below: "Sources").filter { $0.text.contains("import GRDB") }
        #expect(Set(importing.map(\.file)) == ["FluxqStore/\(Self.engine)"])
    }

    /// Words that only SQLite understands.
    @Test("no statement of the store has words that PostgreSQL does not understand")
    func subset() throws {
        let words = [
            "INDEXED BY", "->>", "json_each", "json_extract", "iif(", "ifnull(", "IS NOT '", "phase IS ?",
            "sqlite_sequence", "INSERT OR", "WHERE 1 ", "group_concat", "GLOB ",
        ]
        let lines = try SourceLine.all(below: "Sources/FluxqStore").filter { $0.file != Self.engine }
        #expect(lines.count > 1000)
        for line in lines {
            for word in words { #expect(!line.text.contains(word), "\(line)") }
        }
    }
}
