import FluxqHost
import FluxqImagesAPI
import Foundation
import Glibc
import Logging
import NIOPosix
import ServiceLifecycle
import SystemPackage

/// The stand-in of the images API: a running `fluxq-sandbox`.
///
/// It gets neither the API key nor any other descriptor of this process. It ends only when its standard input ends. So
/// it runs until the last call has been answered, and ends however this process ends.
final class SandboxProcess: Sendable {
    private static let program = "fluxq-sandbox"
    /// How long it may take to start, and to end.
    private static let patience: Duration = .seconds(30)
    /// Longer than its line.
    private static let longestReport = 256
    /// Variables for its log, its memory limit, its libraries and its temporary files.
    private static let variables: Set<String> = [
        "JOURNAL_STREAM", "LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "PATH", "TMPDIR",
    ]

    /// Its port on 127.0.0.1.
    let port: Int
    private let child: ChildProgram
    /// The write end of its standard input.
    private let lifeline: FileDescriptor

    var baseURL: BaseURL { .loopback(port: port) }
    var address: HostAndPort { .loopback(port: port) }

    private init(port: Int, child: ChildProgram, lifeline: FileDescriptor) {
        self.port = port
        self.child = child
        self.lifeline = lifeline
    }

    /// Returns when it has printed its address.
    ///
    /// - Parameters:
    ///   - directory: for its ledger and its port, which it reuses.
    ///   - environment: this process's own; only a few variables are passed on.
    /// - Throws: `SandboxFailure`.
    static func start(
        in directory: String, _ configuration: Configuration.Sandbox, environment: [String: String]
    ) async throws -> SandboxProcess {
        let program = try path()
        let (input, lifeline) = try FileDescriptor.closedOnExecPipe()
        let (report, output) = try FileDescriptor.closedOnExecPipe()
        defer { close(report) }
        let child: ChildProgram
        do throws(SystemError) {
            defer {
                close(input)
                close(output)
            }
            child = try await ChildProgram(
                program,
                [
                    "--attached", "--directory", directory, "--latency", "\(configuration.latency / .seconds(1))",
                    "--link-lifetime", "\(configuration.linkLifetime / .seconds(1))",
                ], environment: environment.filter { variables.contains($0.key) }, input: input, output: output)
        } catch {
            close(lifeline)
            throw SandboxFailure.notStarted(program, error)
        }
        let line = try await NIOThreadPool.singleton.runIfActive { Self.line(from: report.rawValue) }
        guard let port = line?.wholeMatch(of: /http:\/\/127\.0\.0\.1:([0-9]+)\/v1/).flatMap({ Int($0.output.1) }) else {
            close(lifeline)
            // Without a line it has ended, or is silent.
            if line == nil { child.kill() }
            throw SandboxFailure.notReady(await child.end)
        }
        return SandboxProcess(port: port, child: child, lifeline: lifeline)
    }

    /// Ends it and waits for its end. Must be called once.
    func end() async {
        Self.close(lifeline)
        await child.ended(within: Self.patience)
    }

    /// Returns when it has ended, or nil when the task is canceled.
    func ended() async -> ChildProgram.End? {
        let (ends, continuation) = AsyncStream.makeStream(of: ChildProgram.End.self)
        Task { [child] in
            continuation.yield(await child.end)
            continuation.finish()
        }
        for await end in ends { return end }
        return nil
    }

    /// Next to this program, so that both have the same version.
    private static func path() throws(SandboxFailure) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let path = (own as NSString).deletingLastPathComponent + "/" + program
        guard access(path, X_OK) == 0 else { throw .missing(path) }
        return path
    }

    /// Nothing is lost by a failure: what goes through a pipe is the other end's.
    private static func close(_ end: FileDescriptor) {
        _ = Glibc.close(end.rawValue)
    }

    /// Its first line, without the newline. Blocks.
    ///
    /// - Returns: the text before the newline or its end; nil if no line comes in time.
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

/// The reason why there is no stand-in, with what to do.
enum SandboxFailure: Error, Hashable, CustomStringConvertible {
    case missing(String)
    case notStarted(String, SystemError)
    /// It ended, or was killed because it printed nothing.
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
