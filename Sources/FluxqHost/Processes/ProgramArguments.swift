import Foundation
import Glibc

/// The arguments of a program whose options have one value each.
package enum ProgramArguments {
    /// Returns the arguments without the program's name. Exits if an option is given twice, because the argument parser
    /// would silently use the last value.
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
