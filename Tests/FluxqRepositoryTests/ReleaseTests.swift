import FluxqTestSupport
import Foundation
import Testing

@Suite("Releases")
struct ReleaseTests {
    private struct Release: Hashable {
        let version: String
        /// `2026-11-25`.
        let date: String
        var changes: [String] = []
    }

    /// `## [0.1.0] - 2026-11-25`, then sections with a list each.
    private func changelog() throws -> [Release] {
        var releases: [Release] = []
        for line in try RepositoryFile.text("CHANGELOG.md").split(separator: "\n") {
            if let heading = line.wholeMatch(of: /## \[([0-9.]+)\] - ([0-9]{4}-[0-9]{2}-[0-9]{2})/) {
                releases.append(Release(version: String(heading.1), date: String(heading.2)))
            } else if line.hasPrefix("- "), !releases.isEmpty {
                releases[releases.count - 1].changes.append(String(line.dropFirst(2)))
            }
        }
        return releases
    }

    /// `fluxq (0.1.0) …`, `  * change`, ` -- who  Wed, 25 Nov 2026 02:00:00 +0000`.
    private func debianChangelog() throws -> [Release] {
        var releases: [Release] = []
        var version = ""
        var changes: [String] = []
        for line in try RepositoryFile.text("debian/changelog").split(separator: "\n") {
            if let heading = line.firstMatch(of: /^fluxq \(([0-9.]+)\)/) {
                (version, changes) = (String(heading.1), [])
            } else if line.hasPrefix("  * ") {
                changes.append(String(line.dropFirst(4)))
            } else if let end = line.firstMatch(of: #/^ -- .*  [A-Z][a-z]{2}, +([0-9]+) ([A-Z][a-z]{2}) ([0-9]{4}) /#) {
                let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
                let month = try #require(months.firstIndex(of: String(end.2))) + 1
                func padded(_ text: String) -> String { text.count < 2 ? "0\(text)" : text }
                let date = "\(end.3)-\(padded("\(month)"))-\(padded(String(end.1)))"
                releases.append(Release(version: version, date: date, changes: changes))
            }
        }
        return releases
    }

    @Test("both changelogs have the same releases, on the same days, with the same changes")
    func changelogs() throws {
        let releases = try debianChangelog()
        #expect(try changelog() == releases)
        #expect(!releases.isEmpty)
    }

    @Test("the programs and the description of the interface have the version of the newest release")
    func versions() throws {
        let newest = try #require(try debianChangelog().first).version
        for (file, name) in [
            ("Sources/FluxqCommands/Verbs/FluxqCommand.swift", "fluxq"),
            ("Sources/FluxqDaemon/FluxqdCommand.swift", "fluxqd"),
            ("Sources/fluxq-sandbox/SandboxCommand.swift", "fluxq-sandbox"),
        ] {
            #expect(try RepositoryFile.text(file).contains("version: \"\(name) \(newest)\""), "\(file)")
        }
        #expect(try RepositoryFile.text("docs/openapi.yaml").contains("\n  version: \(newest)\n"))
    }

    @Test("every direct dependency is pinned to one version")
    func dependencies() throws {
        let lines = try RepositoryFile.text("Package.swift").split(separator: "\n").filter {
            $0.contains(".package(url:")
        }
        #expect(!lines.isEmpty)
        for line in lines { #expect(line.contains(/exact: "[0-9]+\.[0-9]+\.[0-9]+"/), "\(line)") }
    }

    @Test("the licence of the repository is that of the package")
    func licence() throws {
        #expect(try RepositoryFile.text("LICENSE").contains("Apache License\n                           Version 2.0"))
        #expect(try RepositoryFile.text("debian/copyright").contains("License: Apache-2.0\n"))
    }
}
