import Glibc
import Subprocess
package import SystemPackage

/// A program that this one has started and waits for.
///
/// It gets three descriptors and no others of this process, only the variables passed to it, and default signal
/// handling. It runs in its own process group, so that a terminal's Ctrl-C does not reach it.
package final class ChildProgram: Sendable {
    /// How the program ended.
    package enum End: Hashable, Sendable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)
        /// The system does not tell.
        case unknown

        package var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            case .unknown: "unknown end"
            }
        }
    }

    /// Ends when the program does. Its cancellation kills the program.
    private let life: Task<End, Never>

    /// Returns once it runs.
    ///
    /// - Parameters:
    ///   - input: its standard input; `output`: its standard output. Standard error is inherited from this program.
    /// - Throws: the reason why it could not be started.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String], input: FileDescriptor,
        output: FileDescriptor
    ) async throws(SystemError) {
        let (starts, start) = AsyncStream.makeStream(of: SystemError?.self)
        life = Task {
            do {
                let status = try await Self.run(path, arguments, environment, input, output) { start.yield(nil) }
                return switch status {
                case .exited(let code): .exit(code)
                case .signaled(let number): .signal(number)
                }
            } catch {
                // Ignored once the program has started.
                let code = (error as? SubprocessError)?.underlyingError ?? .canceled
                start.yield(SystemError("posix_spawn", code: code))
                return .unknown
            }
        }
        // A cancellation does not end this wait: the descriptors are needed until then.
        let failure = await Task {
            for await failure in starts { return failure }
            return nil
        }.value
        if let failure { throw failure }
    }

    /// Waits for the program's end. This wait cannot be canceled.
    package var end: End {
        get async { await life.value }
    }

    /// Kills the program; does nothing once it has ended.
    package func kill() { life.cancel() }

    /// Waits for its end, and kills it after `patience`.
    package func ended(within patience: Duration) async {
        let killer = Task {
            try await Task.sleep(for: patience)
            kill()
        }
        _ = await end
        killer.cancel()
    }

    /// - Parameter started: called once it runs.
    private static func run(
        _ path: String, _ arguments: [String], _ environment: [String: String], _ input: FileDescriptor,
        _ output: FileDescriptor, started: @Sendable () -> Void
    ) async throws -> TerminationStatus {
        var options = PlatformOptions()
        options.processGroupID = 0
        let variables = environment.compactMap { name, value in
            Environment.Key(rawValue: name).map { ($0, value) }
        }
        return try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments),
            environment: .custom(Dictionary(uniqueKeysWithValues: variables)), platformOptions: options,
            input: .fileDescriptor(input, closeAfterSpawningProcess: false),
            output: .fileDescriptor(output, closeAfterSpawningProcess: false), error: standardError()
        ) { _ in
            started()
        }.terminationStatus
    }

    /// What has taken the place of a closed standard error is this process's own, and closed on exec.
    private static func standardError() throws -> FileDescriptorOutput {
        let flags = fcntl(STDERR_FILENO, F_GETFD)
        guard flags < 0 || flags & FD_CLOEXEC != 0 else {
            return .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
        }
        return .fileDescriptor(
            try .open("/dev/null", .writeOnly, options: .closeOnExec), closeAfterSpawningProcess: true)
    }
}
