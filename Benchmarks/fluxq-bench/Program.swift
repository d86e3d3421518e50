import FoundationEssentials
import Glibc
import NIOPosix

/// A process of a program that was built beside this one.
struct Program: Sendable {
    let id: pid_t

    /// Starts the program with an empty standard input.
    ///
    /// - Parameters:
    /// - environment: the complete environment.
    ///   - log: the file for standard error; standard output is dropped.
    init(_ name: String, _ arguments: [String], environment: [String: String], log: String) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let path = try Self.directory + "/" + name
        let words = ([path] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in words + variables { free(pointer) } }
        var child = pid_t()
        let code = posix_spawn(&child, path, &actions, nil, words, variables)
        guard code == 0 else {
            throw Failure(
                "Cannot start \(path) (errno \(code)). Build it first: swift build -c release --product \(name)")
        }
        id = child
    }

    private static var directory: String {
        get throws {
            let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
            return String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)])
        }
    }

    func send(_ signal: Int32) {
        kill(id, signal)
    }

    /// Waits for the end and returns the status of `waitpid`; 0 is an orderly end.
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        return status
    }
}
