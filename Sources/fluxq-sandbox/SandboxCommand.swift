import ArgumentParser
import FluxqHost
import FluxqSandbox
import Foundation
import Logging
import SystemPackage

/// The whole program.
enum SandboxProgram {
    static func run() async {
        StandardStreams.secure()
        await SandboxCommand.main(ProgramArguments.take(for: "fluxq-sandbox"))
    }
}

/// The stand-in of the images API as a separate process.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxq-sandbox",
        abstract: "A simulated images API: real pictures, no key, no network, no bill.",
        discussion: """
            Listens on a loopback port, prints the API's base URL, and answers until it is ended. What the API would have \
            billed is in ledger.jsonl of its directory. Words in the prompt make it play what an API can do wrong; \
            docs/sandbox.md of fluxq lists them. Usually started by: fluxqd --sandbox

            Exit codes: 64 usage, 71 anything else that keeps it from running.
            """,
        version: "fluxq-sandbox 0.1.0")

    @Option(help: ArgumentHelp("Directory for its ledger, its port and the secret of its links.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("Duration of a call.", valueName: "seconds"))
    var latency = 0.0

    @Option(help: ArgumentHelp("Lifetime of the links in an answer.", valueName: "seconds"))
    var linkLifetime = 7.0 * 86_400

    @Option(help: "Port; 0 for the previous one, or any free one.")
    var port = 0

    @Option(help: ArgumentHelp("File with the only accepted key, read at every call.", valueName: "file"))
    var keyFile: String?

    @Flag(help: "End when standard input ends, and ignore signals of a terminal or a service manager.")
    var attached = false

    func validate() throws {
        guard (0...3600).contains(latency) else { throw ValidationError("--latency is from 0 to 3600 seconds.") }
        guard (0...31_536_000).contains(linkLifetime) else {
            throw ValidationError("--link-lifetime is from 0 to 31536000 seconds, which is a year.")
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port is from 0 to 65535.") }
    }

    func run() async throws {
        umask(0o077)
        let lifeline = attached ? Lifeline() : nil
        let log = ProgramLog.begin(of: "fluxq-sandbox", environment: ProcessInfo.processInfo.environment)
        do {
            // Blocking is fine: nothing else runs yet.
            try DirectoryClaim.take(directory) {
                log.logger.notice("Waiting for another fluxq-sandbox in \(directory) to end.")
            }
            let sandbox = try await Sandbox.start(
                .init(
                    directory: directory, latency: .seconds(latency), linkLifetime: .seconds(linkLifetime),
                    port: port == 0 ? nil : port, key: key),
                logger: log.logger)
            try say("\(sandbox.baseURL)\n")
            if let lifeline {
                await lifeline.end()
                await sandbox.shutdown()
            } else {
                while true { try await Task.sleep(for: .seconds(3600)) }
            }
        } catch {
            log.tell(error)
            throw ExitCode(EX_OSERR)
        }
    }

    /// nil if there is no file: then any key is accepted.
    private var key: (@Sendable () -> String)? {
        keyFile.map { path in
            { @Sendable in
                let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                return text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
    }

    private func say(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SayingFailure(code: .last) }
            rest = rest.dropFirst(count)
        }
    }
}

private struct SayingFailure: Error, CustomStringConvertible {
    let code: Errno

    var description: String {
        "standard output cannot be written (\(code)), so the port cannot be printed."
    }
}
