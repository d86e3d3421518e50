import ArgumentParser
import FluxqTestSupport
import Testing

@testable import FluxqCommands

@Suite("The pages for users")
struct TutorialTests {
    @Test("the tutorial lists every exit code, and the one of an interruption")
    func exitCodes() throws {
        let codes = try RepositoryFile.text("docs/tutorial.md").split(separator: "\n").compactMap { line in
            line.prefixMatch(of: /\| ([0-9]+) \|/).flatMap { Int32($0.1) }
        }
        #expect(codes == ExitStatus.allCases.map(\.rawValue) + [130])
    }

    @Test("the README lists every verb, and no other")
    func verbs() throws {
        let cells = try RepositoryFile.text("README.md").split(separator: "\n").compactMap { line in
            line.prefixMatch(of: /\| ((?:`[a-z]+`(?:, )?)+) \| [a-z]/).map { String($0.1) }
        }
        let verbs = cells.flatMap { $0.matches(of: /`([a-z]+)`/).map { String($0.1) } }
        #expect(Set(verbs) == Set(FluxqCommand.configuration.subcommands.compactMap { $0.configuration.commandName }))
        #expect(verbs.count == Set(verbs).count)
    }

    @Test("every option that the tutorial names exists")
    func options() throws {
        let help = FluxqCommand.configuration.subcommands.map { FluxqCommand.helpMessage(for: $0, columns: 200) }
            .joined()
        let text = try RepositoryFile.text("docs/tutorial.md").split(separator: "\n").filter {
            $0.contains("`--") || $0.hasPrefix("$ fluxq ")
        }.joined(separator: "\n")
        for match in text.matches(of: /[ `](--[a-z][a-z-]*)/) where match.1 != "--dark" {
            #expect(help.contains(String(match.1)), "\(match.1)")
        }
    }
}
