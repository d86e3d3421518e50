import ArgumentParser
import FluxqHost
import Glibc

/// The program `fluxq`.
package enum FluxqProgram {
    /// Parses the command line, runs the verb, and exits with its status.
    package static func run() async {
        let words = ProcessArguments.take()
        StandardStreams.secure()
        let console = Console(json: CommandWords.askForJSON(words))
        let arguments: [String]
        do {
            arguments = try CommandWords(words).arguments
        } catch {
            console.complain(error)
            exit(error.status.rawValue)
        }
        do {
            let command = try await FluxqCommand.asyncParseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
        } catch {
            if console.json, let complaint = complaint(error, verb: arguments.first) {
                console.complain(complaint)
                exit(complaint.status.rawValue)
            }
            FluxqCommand.exit(withError: error)
        }
    }

    /// The argument parser's message for people, as a failure.
    ///
    /// - Returns: nil if there is no failure, such as for help, and for the status of a verb that has already reported
    ///   its failure.
    static func complaint(_ error: any Error, verb: String?) -> CommandFailure? {
        let status = FluxqCommand.exitCode(for: error)
        if error is ExitCode || status.isSuccess { return nil }
        guard status == .validationFailure else { return CommandFailure(any: error) }
        let isVerb = verb.map { VerbWords.all[$0] != nil } ?? false
        let message = FluxqCommand.message(for: error)
        return CommandFailure(
            .usage, code: "usage",
            "\(message)\(message.hasSuffix(".") ? "" : ".") See: fluxq \(isVerb ? "help \(verb ?? "")" : "--help")")
    }
}
