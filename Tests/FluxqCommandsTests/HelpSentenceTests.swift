import ArgumentParser
import Testing

@testable import FluxqCommands

@Suite("The help")
struct HelpSentenceTests {
    @Test(
        "has sentences of at most 25 words",
        arguments: ["fluxq"] + FluxqCommand.configuration.subcommands.map { $0._commandName })
    func sentences(verb: String) {
        let command = FluxqCommand.configuration.subcommands.first { $0._commandName == verb } ?? FluxqCommand.self
        // Wide enough to keep every paragraph on one line.
        let help = FluxqCommand.helpMessage(for: command, columns: 10_000)
        for line in help.split(separator: "\n") where !line.hasPrefix("USAGE") {
            // An option and its description are columns.
            for sentence in line.split(separator: /[.!?]\s+|\s{2,}/) {
                #expect(sentence.split(separator: " ").count <= 25, "\(sentence)")
            }
        }
    }
}
