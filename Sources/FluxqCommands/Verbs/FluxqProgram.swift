import ArgumentParser
import FluxqProcess
import Glibc

/// The program `fluxq`.
package enum FluxqProgram {
    /// Reads the command line, does what it says, and ends the process with the status that says how it went.
    package static func run() async {
        let words = ProcessArguments.take()
        StandardStreams.secure()
        let arguments: [String]
        do {
            arguments = try CommandWords(words).arguments
        } catch {
            Console(json: words.contains(Array("--json".utf8))).complain(error)
            exit(error.status.rawValue)
        }
        await FluxqCommand.main(arguments)
    }
}
