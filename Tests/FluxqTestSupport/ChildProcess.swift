package import Foundation
import Synchronization
import SystemPackage

/// A real process of one test. Its output goes to files, so that it never blocks on a reader.
package final class ChildProcess: Sendable {
    package struct Failure: Error {
        package let what: String
    }

    /// The end of a process: the status that a shell would show as `$?`, or the signal that ended it.
    package enum End: Hashable, Sendable {
        case exit(Int32)
        case signal(Int32)
    }

    package let id: pid_t
    private let outputPath: String
    private let errorPath: String
    private let end = Mutex<End?>(nil)

    /// Starts the process.
    /// - Parameters:
    /// - environment: the complete environment.
    /// - input: the bytes of standard input.
    package init(
        _ executable: String, _ arguments: [String], environment: [String: String], directory: String,
        input: [UInt8] = []
    ) throws {
        let name = "\(directory)/process-\(UUID().uuidString.prefix(8))"
        (outputPath, errorPath) = ("\(name).out", "\(name).err")
        let inputPath = "\(name).in"
        guard FileManager.default.createFile(atPath: inputPath, contents: Data(input)) else {
            throw Failure(what: "cannot write \(inputPath)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        Self.keepDescriptors()

        // The test runner's signal settings do not apply to a child: it starts with no signal blocked or ignored.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &pipe)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let words = ([executable] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var child = pid_t()
        let code = posix_spawnp(&child, executable, &actions, &attributes, words, variables)
        guard code == 0 else { throw Failure(what: "cannot start \(executable): \(Errno(rawValue: code))") }
        id = child
    }

    /// Marks all descriptors but the three streams as close-on-exec. Otherwise a listening socket of another test would
    /// stay open in a child.
    private static func keepDescriptors() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let descriptor = Int32(name), descriptor > 2 else { continue }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        if end.withLock({ $0 }) == nil {
            kill(id, SIGKILL)
            var status: Int32 = 0
            waitpid(id, &status, 0)
        }
    }

    /// Does nothing if the process has ended: another process may have its id by then.
    package func send(_ signal: Int32) {
        end.withLock { if $0 == nil { kill(id, signal) } }
    }

    /// Waits for the end of the process. Several tasks may wait at once.
    @discardableResult
    package func wait() async -> End {
        if let end = end.withLock({ $0 }) { return end }
        return await OwnThread.run { self.reap() }
    }

    /// Calls `body` once the process has ended, from a thread of its own that does not keep this object alive.
    package func notify(whenEnded body: @escaping @Sendable () -> Void) {
        OwnThread.start { [id] in
            Self.waitForEnd(of: id)
            body()
        }
    }

    /// Blocks the calling thread; leaves the status for `reap`.
    private static func waitForEnd(of id: pid_t) {
        var info = siginfo_t()
        while waitid(P_PID, id_t(id), &info, Int32(WEXITED | WNOWAIT)) < 0, errno == EINTR {}
    }

    /// True if the process has ended. Does not wait.
    package var hasEnded: Bool {
        end.withLock { end in
            if end != nil { return true }
            var info = siginfo_t()
            return waitid(P_PID, id_t(id), &info, Int32(WEXITED | WNOHANG | WNOWAIT)) == 0
                && info._sifields._sigchld.si_pid == id
        }
    }

    private func reap() -> End {
        Self.waitForEnd(of: id)
        return end.withLock { end in
            if let end { return end }
            var status: Int32 = 0
            while waitpid(id, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7f
            let reaped = signal == 0 ? End.exit((status >> 8) & 0xff) : .signal(signal)
            end = reaped
            return reaped
        }
    }

    /// The standard output so far.
    package var output: String { text(outputPath) }

    /// The standard error so far.
    package var errors: String { text(errorPath) }

    private func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
