import CLinux
import Foundation
import Glibc
import Synchronization
import SystemPackage

/// A program that this one has started and waits for.
///
/// It gets three descriptors and no others of this process, only the variables passed to it, and default signal
/// handling. It runs in its own process group, so that a terminal's Ctrl-C does not reach it.
package final class ChildProgram: Sendable {
    /// How the program ended.
    package enum End: Hashable, Sendable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        package var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    /// The process id; nil once it may belong to another process.
    private final class Running: Sendable {
        let id: Mutex<pid_t?>

        init(_ id: pid_t) { self.id = Mutex(id) }

        func send(_ signal: CInt) {
            id.withLock { if let id = $0 { kill(id, signal) } }
        }

        /// Blocks until the process has ended.
        func reap() -> End {
            guard let id = id.withLock({ $0 }) else { return .exit(0) }
            var info = siginfo_t()
            while waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
            return self.id.withLock { running in
                var status: Int32 = 0
                while waitpid(id, &status, 0) < 0, errno == EINTR {}
                running = nil
                let signal = status & 0x7f
                return signal == 0 ? .exit((status >> 8) & 0xff) : .signal(signal)
            }
        }
    }

    private let running: Running
    /// The program's end. This wait cannot be canceled.
    package let end: Task<End, Never>

    /// - Parameters:
    ///   - input: its standard input; `output`: its standard output. Standard error is inherited from this program.
    /// - Throws: the reason why it could not be started.
    package init(
        _ path: String, _ arguments: [String], environment: [String: String], input: CInt, output: CInt
    ) throws(SystemError) {
        let id = try Self.spawn(path, arguments, environment, input, output)
        let running = Running(id)
        self.running = running
        let (ends, continuation) = AsyncStream.makeStream(of: End.self)
        end = Task {
            for await end in ends { return end }
            return .exit(0)
        }
        Thread.detachNewThread {
            continuation.yield(running.reap())
            continuation.finish()
        }
    }

    /// Sends a signal; does nothing once the program has ended.
    package func send(_ signal: CInt) { running.send(signal) }

    /// Waits for its end, and kills it after `patience`.
    package func ended(within patience: Duration) async {
        let killer = Task { [running] in
            try await Task.sleep(for: patience)
            running.send(SIGKILL)
        }
        _ = await end.value
        killer.cancel()
    }

    private static func spawn(
        _ path: String, _ arguments: [String], _ environment: [String: String], _ input: CInt, _ output: CInt
    ) throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        // If standard error was closed, its descriptor is now one of this process's own files.
        let flags = fcntl(STDERR_FILENO, F_GETFD)
        if flags < 0 || flags & FD_CLOEXEC != 0 {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var id = pid_t()
        let code = posix_spawn(&id, path, &actions, &attributes, words, variables)
        guard code == 0 else { throw SystemError("posix_spawn", code: Errno(rawValue: code)) }
        return id
    }
}
