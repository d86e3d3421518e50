import FluxqMigrations
import FluxqTestSupport
import Foundation
import Testing

@Suite("Migrations")
struct MigrationListTests {
    @Test("the compiled list matches the directory, in order, file for file")
    func list() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: "\(RepositoryFile.root)/migrations")
            .filter { $0.hasSuffix(".sql") }.sorted()
        #expect(Migration.all.map { "\($0.name).sql" } == files)
        for migration in Migration.all {
            #expect(try RepositoryFile.text("migrations/\(migration.name).sql") == migration.sql)
        }
    }

    @Test("numbers have four digits and no gaps")
    func numbers() {
        for (index, migration) in Migration.all.enumerated() {
            let digits = String(index + 1)
            #expect(migration.name.hasPrefix(String(repeating: "0", count: 4 - digits.count) + digits + "_"))
        }
    }
}
