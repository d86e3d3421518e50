import FluxqTestSupport
import FluxqUsers
import Testing

@testable import FluxqDaemon

/// docs/administration.md, held against the table of settings.
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

    @Test("says of which keys a running daemon does not apply changes")
    func restarts() {
        let marked = lines.compactMap { $0.prefixMatch(of: /\| `([a-z_.]+)` ↻ \|/).map { String($0.1) } }
        let atStart = Setting.all.filter { setting in
            // `endpoints` in part.
            setting.name == "endpoints" || Self.needsRestart(setting)
        }
        #expect(marked == atStart.map(\.name))
    }

    /// Whether a change of the key is kept back from a running daemon.
    private static func needsRestart(_ setting: Setting) -> Bool {
        var other = Configuration()
        other.api.baseURL = "https://other.example/v1"
        other.api.keyFile = "/other"
        other.sandbox.latency = .seconds(99)
        other.sandbox.linkLifetime = .seconds(99)
        return !setting.keep(Configuration(), &other).isEmpty
    }

    /// What stands between ```yaml and ```.
    private var examples: [String] {
        var examples: [[Substring]] = []
        var isYAML = false
        for line in lines {
            if line == "```yaml" {
                isYAML = true
                examples.append([])
            } else if line.hasPrefix("```") {
                isYAML = false
            } else if isYAML {
                examples[examples.count - 1].append(line)
            }
        }
        return examples.map { $0.joined(separator: "\n") }
    }

    @Test("has only examples that fluxqd takes as its configuration")
    func yaml() throws {
        #expect(examples.count >= 4)
        let user = try #require(try UserDatabase.user(uid: 0)).name
        for example in examples {
            // The users of the example are this host's, and the socket's directory is not here.
            let known = example.replacing("alice:", with: "\(user):").replacing("@staff", with: "@root")
                .replacing(/http\+unix:\S+/, with: "https://api.example/v1")
            #expect(throws: Never.self) { try ConfigurationFixture().load(known) }
        }
    }
}
