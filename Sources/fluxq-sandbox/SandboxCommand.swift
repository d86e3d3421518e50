import ArgumentParser
import FluxqSandbox
import Foundation
import Logging

/// The stand-in of the images API as a process of its own: it outlives the daemons that call it, as the real one does.
@main
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxq-sandbox",
        abstract: "Run the stand-in of the images API on a loopback port until it is killed; print its base URL.")

    @Option(help: "Where its ledger lies.") var directory: String
    @Option(help: "How long a call takes, in seconds.") var latency = 0.0
    @Option(help: "The port; 0 for any free one.") var port = 0
    @Option(help: "A file with the one key that it takes; read at every call.") var keyFile: String?

    func run() async throws {
        let key = keyFile.map { path in
            { @Sendable in
                let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
                return text.trimmingCharacters(in: .whitespacesAndNewlines)
            }
        }
        let sandbox = try await Sandbox.start(
            .init(directory: directory, latency: .seconds(latency), port: port == 0 ? nil : port, key: key),
            logger: Logger(label: "fluxq-sandbox"))
        FileHandle.standardOutput.write(Data("\(sandbox.baseURL)\n".utf8))
        while true { try await Task.sleep(for: .seconds(3600)) }
    }
}
