import FluxqControlClient
import FluxqSandbox
import FoundationEssentials
import Glibc
import NIOPosix

/// `fluxqd --sandbox` at zero latency, with a state directory and a socket of its own.
struct TestDaemon: Sendable {
    let program: Program
    let socket: ControlSocket
    let ledger: SandboxLedger

    /// Starts the daemon, calls `body` once it is ready, and stops it.
    static func run<Result: Sendable>(
        in work: WorkDirectory, environment: [String: String] = [:], _ body: (TestDaemon) async throws -> Result
    ) async throws -> Result {
        let daemon = try await start(in: work, environment)
        let result: Result
        do {
            result = try await body(daemon)
        } catch {
            try await daemon.stop()
            throw error
        }
        try await daemon.stop()
        return result
    }

    private static func start(in work: WorkDirectory, _ environment: [String: String]) async throws -> TestDaemon {
        let ready = try ReadySocket(path: work.path("notify"))
        let path = work.path("control.sock")
        let state = work.path("state")
        let log = work.path("fluxqd.log")
        let variables = [
            "PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": ready.path, "FLUXQ_SANDBOX_LATENCY_SECONDS": "0",
        ].merging(environment) { $1 }
        let program = try Program(
            "fluxqd", ["--sandbox", "--state-directory", state, "--socket", path], environment: variables, log: log)
        guard try await ready.isReady() else {
            program.send(SIGKILL)
            _ = program.wait()
            throw Failure("fluxqd did not become ready; it said: \(try String(contentsOfFile: log, encoding: .utf8))")
        }
        return TestDaemon(
            program: program, socket: ControlSocket(option: path, environment: nil),
            ledger: SandboxLedger(directory: "\(state)/sandbox"))
    }

    private func stop() async throws {
        program.send(SIGTERM)
        _ = try await NIOThreadPool.singleton.runIfActive { program.wait() }
    }
}
