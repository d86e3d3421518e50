import CLinux
import FluxqImagesAPI
import Foundation
import Glibc
import Logging
import NIOPosix
import ServiceLifecycle

/// The stand-in of the images API: a running `fluxq-sandbox`.
///
/// It gets neither the API's key nor anything that this process has open. It ends when its standard input does, and not
/// before: so it is there until the last call has been answered, and is gone however this process ends.
final class SandboxProcess: Sendable {
    private static let program = "fluxq-sandbox"
    /// How long it may take to begin, and to end.
    private static let patience: Duration = .seconds(30)
    /// More than it says.
    private static let longestReport = 256
    /// Where its words go, how much memory it may keep, and where its libraries are.
    private static let variables: Set<String> = [
        "JOURNAL_STREAM", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PATH", "TMPDIR",
    ]

    /// Of 127.0.0.1.
    let port: Int
    private let child: ChildProgram
    /// The other end of its standard input.
    private let lifeline: CInt

    var baseURL: BaseURL { .loopback(port: port) }
    var address: HostAndPort { .loopback(port: port) }

    private init(port: Int, child: ChildProgram, lifeline: CInt) {
        self.port = port
        self.child = child
        self.lifeline = lifeline
    }

    /// Returns when it has said where it listens.
    ///
    /// - Parameters:
    ///   - directory: for its ledger and its port, which it takes again.
    ///   - environment: this process's own; few of its variables are passed on.
    /// - Throws: `SandboxFailure`.
    static func start(
        in directory: String, _ configuration: Configuration.Sandbox, environment: [String: String]
    ) async throws -> SandboxProcess {
        let program = try path()
        let (input, lifeline) = try pipe()
        let (report, output) = try pipe()
        defer { close(report) }
        let child: ChildProgram
        do throws(SystemError) {
            defer {
                close(input)
                close(output)
            }
            child = try ChildProgram(
                program,
                [
                    "--attached", "--directory", directory, "--latency", "\(configuration.latency / .seconds(1))",
                    "--link-lifetime", "\(configuration.linkLifetime / .seconds(1))",
                ], environment: environment.filter { variables.contains($0.key) }, input: input, output: output)
        } catch {
            close(lifeline)
            throw SandboxFailure.notStarted(program, error)
        }
        let line = try await NIOThreadPool.singleton.runIfActive { Self.line(from: report) }
        guard let port = line?.wholeMatch(of: /http:\/\/127\.0\.0\.1:([0-9]+)\/v1/).flatMap({ Int($0.output.1) }) else {
            close(lifeline)
            // Without a line it has ended, or runs silently.
            if line == nil { child.send(SIGKILL) }
            throw SandboxFailure.notReady(await child.end.value)
        }
        return SandboxProcess(port: port, child: child, lifeline: lifeline)
    }

    /// Ends it and waits for that. To be called once.
    func end() async {
        close(lifeline)
        await child.ended(within: Self.patience)
    }

    /// Returns when it has ended, or nil when the task is canceled.
    func ended() async -> ChildProgram.End? {
        let (ends, continuation) = AsyncStream.makeStream(of: ChildProgram.End.self)
        Task { [child] in
            continuation.yield(await child.end.value)
            continuation.finish()
        }
        for await end in ends { return end }
        return nil
    }

    /// Beside this program itself, so that both are of one version.
    private static func path() throws(SandboxFailure) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let path = (own as NSString).deletingLastPathComponent + "/" + program
        guard access(path, X_OK) == 0 else { throw .missing(path) }
        return path
    }

    private static func pipe() throws(SystemError) -> (reading: CInt, writing: CInt) {
        var ends: [CInt] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError("pipe2") }
        return (ends[0], ends[1])
    }

    /// Its first line, without the line's end. Blocks.
    ///
    /// - Returns: what came before it ended; nil if no line comes in time.
    private static func line(from descriptor: CInt) -> String? {
        let deadline = ContinuousClock.now + patience
        var bytes: [UInt8] = []
        while bytes.count < longestReport {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let left = max(.zero, deadline - .now) / .milliseconds(1)
            let count = poll(&waiting, 1, CInt(left.rounded(.up)))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            var byte: UInt8 = 0
            guard read(descriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") else { break }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Why there is no stand-in, with what to do.
enum SandboxFailure: Error, Hashable, CustomStringConvertible {
    case missing(String)
    case notStarted(String, SystemError)
    /// It ended, or was ended because it said nothing.
    case notReady(ChildProgram.End)
    /// It ended while it was needed.
    case ended(ChildProgram.End)

    var description: String {
        switch self {
        case .missing(let path):
            "--sandbox needs the program \(path), which is not there. The Debian package and `make install` install "
                + "it next to fluxqd. To build it from source: swift build --product fluxq-sandbox"
        case .notStarted(let path, let error): "\(path) cannot be started. \(error)"
        case .notReady(let end):
            "fluxq-sandbox, the simulated images API, did not start (\(end)). Its messages are above. If there are "
                + "none, another one may be using the same directory: stop that one."
        case .ended(let end):
            "fluxq-sandbox, the simulated images API, has ended unexpectedly (\(end)), so fluxqd stops. Start "
                + "fluxqd again: queued jobs and the ledger are kept."
        }
    }
}

/// Ends the daemon if the stand-in ends before it.
struct SandboxWatch: Service {
    let sandbox: SandboxProcess
    let logger: Logger

    func run() async throws {
        let end = await cancelWhenGracefulShutdown { await sandbox.ended() }
        guard let end else { return }
        let failure = SandboxFailure.ended(end)
        logger.critical("\(failure)")
        throw failure
    }
}
