import FluxqHost
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon

/// Compares docs/administration.md with the table of settings.
@Suite("The administration page")
struct AdministrationDocumentTests {
    private let lines: [Substring]

    init() throws {
        lines = try RepositoryFile.text("docs/administration.md").split(
            separator: "\n", omittingEmptySubsequences: false)
    }

    @Test("describes each key of the configuration in the order of the example file, with its default")
    func keys() {
        let rows = lines.compactMap { line in
            line.wholeMatch(of: /\| `([a-z_.]+)`(?: ↻)? \| (?:`([^`]*)`)? ?\| (.+) \|/)
        }
        #expect(rows.map { String($0.1) } == Setting.all.map(\.name))
        #expect(rows.map { $0.2.map(String.init) } == Setting.all.map(\.defaultText))
        #expect(rows.allSatisfy { !$0.3.isEmpty })
    }

    @Test("marks the keys whose changes a running daemon does not apply")
    func restarts() {
        let marked = lines.compactMap { $0.prefixMatch(of: /\| `([a-z_.]+)` ↻ \|/).map { String($0.1) } }
        let atStart = Setting.all.filter { setting in
            // `endpoints` needs a restart only in part.
            setting.name == "endpoints" || Self.needsRestart(setting)
        }
        #expect(marked == atStart.map(\.name))
    }

    /// True if a running daemon does not apply a change of the key.
    private static func needsRestart(_ setting: Setting) -> Bool {
        var other = Configuration()
        other.api.baseURL = "https://other.example/v1"
        other.api.keyFile = "/other"
        other.listen.http = [LoopbackAddress(.v6, port: 7839)]
        other.sandbox.latency = .seconds(99)
        other.sandbox.linkLifetime = .seconds(99)
        return !setting.keep(Configuration(), &other).isEmpty
    }

    /// The blocks between ```yaml and ``` on all pages: each is a configuration.
    private static func examples() throws -> [String] {
        let pages = try FileManager.default.contentsOfDirectory(atPath: "\(RepositoryFile.root)/docs")
        let texts = try (["README.md"] + pages.filter { $0.hasSuffix(".md") }.map { "docs/\($0)" })
            .map(RepositoryFile.text)
        return texts.flatMap {
            $0.split(separator: "```yaml\n").dropFirst().compactMap { $0.split(separator: "```").first }
        }
        .map(String.init)
    }

    @Test("and every other page have only examples that fluxqd accepts as its configuration")
    func yaml() throws {
        let examples = try Self.examples()
        #expect(examples.count >= 4)
        let user = try #require(try UserDatabase.user(uid: 0)).name
        for example in examples {
            // The example's users become users of this host, and its socket, whose directory does not exist here, a
            // URL.
            let known = example.replacing("alice:", with: "\(user):").replacing("@staff", with: "@root")
                .replacing(/http\+unix:\S+/, with: "https://api.example/v1")
            #expect(throws: Never.self) { try ConfigurationFixture().load(known) }
        }
    }
}
