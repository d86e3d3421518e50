package import FluxqControlClient
package import FluxqTestSupport
import Foundation

/// `fluxqd` as a process of a proof. Its state directory and the API that it calls outlive it.
package final class DaemonProcess: Sendable {
    /// Where and how the daemon runs. The same setup serves many starts.
    package struct Setup: Sendable {
        /// An existing directory for the socket and the daemon's standard error.
        package var directory: String
        package var stateDirectory: String
        /// Variables that override `RunningDaemon.baseEnvironment`; `ProofAPI.environment` directs the daemon to the
        /// proof's API.
        package var environment: [String: String]
        /// A library that is loaded before all others (`LD_PRELOAD`).
        package var preload: String?

        /// - Parameter stateDirectory: nil for `state` in the directory.
        package init(
            directory: String, stateDirectory: String? = nil, environment: [String: String], preload: String? = nil
        ) {
            self.directory = directory
            self.stateDirectory = stateDirectory ?? "\(directory)/state"
            self.environment = environment
            self.preload = preload
        }

        package var socketPath: String { "\(directory)/control.sock" }
        package var socket: ControlSocket { ControlSocket(option: socketPath, environment: nil) }
    }

    /// The result of a start.
    package enum Readiness: Sendable {
        case ready
        case ended(ChildProcess.End)
    }

    package let setup: Setup
    package let process: ChildProcess
    private let notices: NoticeSocket

    /// Starts the daemon and does not wait.
    ///
    /// - Parameter environment: variables of this start only; they override the setup's.
    package init(_ setup: Setup, environment: [String: String] = [:]) throws {
        self.setup = setup
        notices = try NoticeSocket(path: "\(setup.directory)/notify-\(UUID().uuidString.prefix(8))")
        var all = RunningDaemon.baseEnvironment
        all.merge(setup.environment) { $1 }
        all["NOTIFY_SOCKET"] = notices.path
        all["LD_PRELOAD"] = setup.preload
        all.merge(environment) { $1 }
        process = try ChildProcess(
            RunningDaemon.executable("fluxqd"),
            ["--state-directory", setup.stateDirectory, "--socket", setup.socketPath],
            environment: all, directory: setup.directory)
    }

    /// Starts the daemon and waits until it reports that it is ready.
    ///
    /// - Throws: `ProofFailure` with the daemon's error output if it ends instead.
    package static func started(_ setup: Setup, environment: [String: String] = [:]) async throws -> DaemonProcess {
        let daemon = try DaemonProcess(setup, environment: environment)
        guard case .ready = try await daemon.readiness() else {
            throw ProofFailure("fluxqd ended before it was ready: \(daemon.process.errors)")
        }
        return daemon
    }

    /// Waits until the daemon reports that it is ready, or ends.
    ///
    /// - Throws: `ProofFailure` if neither happens within a minute.
    package func readiness() async throws -> Readiness {
        process.notify(whenEnded: { [notices] in notices.endWaiting() })
        if await notices.receive().contains("READY=1") { return .ready }
        guard process.hasEnded else {
            process.send(SIGKILL)
            throw ProofFailure("fluxqd was neither ready nor over after a minute: \(process.errors)")
        }
        return .ended(await process.wait())
    }

    /// Kills the daemon with signal 9 and waits for its end.
    @discardableResult
    package func kill() async -> ChildProcess.End {
        process.send(SIGKILL)
        return await process.wait()
    }

    /// Asks the daemon to stop, as systemd does, and waits for its end.
    @discardableResult
    package func stop() async -> ChildProcess.End {
        process.send(SIGTERM)
        return await process.wait()
    }
}
