import ArgumentParser

@testable import FluxqCommands

extension FluxqCommand {
    /// The command that the program runs for the words after its name.
    static func parsed(_ words: [String]) throws -> any ParsableCommand {
        try parseAsRoot(try CommandWords(words.map { Array($0.utf8) }).arguments)
    }
}
