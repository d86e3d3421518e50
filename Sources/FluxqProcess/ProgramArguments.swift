import Foundation
import Glibc

/// The words of a command line whose options have one value each.
package enum ProgramArguments {
    /// Without the program's own name. Ends the process if an option is given twice: of two values the argument parser would
    /// take the last one in silence.
    package static func take(for program: String) -> [String] {
        let words = Array(CommandLine.arguments.dropFirst())
        if let option = optionGivenTwice(words) {
            FileHandle.standardError.write(
                Data("\(program): \(option) is given twice. Give it once. See: \(program) --help\n".utf8))
            exit(EX_USAGE)
        }
        return words
    }

    static func optionGivenTwice(_ words: [String]) -> String? {
        var given: Set<Substring> = []
        for word in words.prefix(while: { $0 != "--" }) where word.hasPrefix("--") {
            let name = word.prefix { $0 != "=" }
            if !given.insert(name).inserted { return String(name) }
        }
        return nil
    }
}
