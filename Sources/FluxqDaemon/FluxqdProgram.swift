import ArgumentParser
import Foundation
import Glibc

/// The whole program, for an executable that knows nothing but how to start it.
package enum FluxqdProgram {
    package static func run() async {
        let words = Array(CommandLine.arguments.dropFirst())
        if let option = optionGivenTwice(words) {
            FileHandle.standardError.write(
                Data("fluxqd: \(option) is given twice. Give it once. See: fluxqd --help\n".utf8))
            exit(EX_USAGE)
        }
        await FluxqdCommand.main(words)
    }

    /// Of two values the argument parser would take the last one in silence. No option of fluxqd has several.
    static func optionGivenTwice(_ words: [String]) -> String? {
        var given: Set<Substring> = []
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let name = word.prefix { $0 != "=" }
            if !given.insert(name).inserted { return String(name) }
        }
        return nil
    }
}
