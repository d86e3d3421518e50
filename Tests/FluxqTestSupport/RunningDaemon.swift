import Dispatch
import Foundation

/// `fluxqd --sandbox` as a real process with a state directory and a socket of its own, and `fluxq` to drive it.
package final class RunningDaemon: Sendable {
    package struct Failure: Error {
        package let what: String
    }

    /// What one run of `fluxq` came to.
    package struct Run: Sendable {
        package let end: ChildProcess.End
        package let output: String
        package let errors: String

        package var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// One line of the sandbox's ledger.
    package struct LedgerEntry: Decodable, Sendable {
        package let prompt: String?
        package let status: Int?
        package let billed: Bool
        package let images: Int
    }

    package let directory: TemporaryDirectory
    package let process: ChildProcess
    package let socket: String
    private let notices: NoticeSocket

    /// Starts it and returns when it says that it is ready.
    ///
    /// - Parameters:
    ///   - directory: what an earlier daemon left, or a new one.
    ///   - environment: over a quick sandbox's defaults.
    package init(
        in directory: TemporaryDirectory? = nil, environment: [String: String] = [:], arguments: [String] = []
    ) async throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        socket = directory.path("control.sock")
        notices = try NoticeSocket(path: directory.path("notify-\(UUID().uuidString.prefix(8))"))
        var all = Self.baseEnvironment
        all["NOTIFY_SOCKET"] = notices.path
        all["FLUXQ_SANDBOX_LATENCY_SECONDS"] = "0"
        all.merge(environment) { $1 }
        process = try ChildProcess(
            Self.executable("fluxqd"),
            ["--sandbox", "--state-directory", directory.path("state"), "--socket", socket] + arguments,
            environment: all,
            directory: directory.path)
        guard await notices.receive().contains("READY=1") else {
            throw Failure(what: "fluxqd did not become ready: \(process.errors)")
        }
    }

    package static let baseEnvironment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent",
    ]

    /// A program that was built beside the tests.
    package static func executable(_ name: String) -> String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent + "/" + name
    }

    /// What it tells its service manager next, after `READY=1`; empty where nothing comes.
    package func notice() async -> String { await notices.receive() }

    /// Runs `fluxq` as another user, which only root can.
    package func fluxq(as uid: UInt32, _ arguments: [String], input: [UInt8] = []) async throws -> Run {
        var environment = Self.baseEnvironment
        environment["FLUXQ_SOCKET"] = socket
        let process = try ChildProcess(
            OtherUser.setpriv, OtherUser.options(uid) + [Self.executable("fluxq")] + arguments,
            environment: environment, directory: directory.path, input: input)
        let end = await process.wait()
        return Run(end: end, output: process.output, errors: process.errors)
    }

    /// Runs `fluxq` against this daemon and waits for its end.
    package func fluxq(_ arguments: String..., input: [UInt8] = []) async throws -> Run {
        try await run(arguments, input: input)
    }

    package func run(_ arguments: [String], input: [UInt8] = []) async throws -> Run {
        try await Self.fluxq(arguments, socket: socket, directory: directory.path, input: input)
    }

    package static func fluxq(
        _ arguments: [String], socket: String, directory: String, input: [UInt8] = []
    ) async throws -> Run {
        var environment = baseEnvironment
        environment["FLUXQ_SOCKET"] = socket
        let process = try ChildProcess(
            executable("fluxq"), arguments, environment: environment, directory: directory, input: input)
        let end = await process.wait()
        return Run(end: end, output: process.output, errors: process.errors)
    }

    /// What the stand-in of the API would have billed.
    package func ledger() throws -> [LedgerEntry] {
        let path = directory.path("state/sandbox/ledger.jsonl")
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return try data.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(LedgerEntry.self, from: $0)
        }
    }

    /// Asks it to stop and waits for that.
    @discardableResult
    package func stop() async -> ChildProcess.End {
        process.send(SIGTERM)
        return await process.wait()
    }
}

/// Receives what a daemon tells its service manager.
private final class NoticeSocket: Sendable {
    let path: String
    private let descriptor: CInt

    init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        // Long enough for any start; a daemon that fails to start leaves the socket silent.
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw RunningDaemon.Failure(what: "cannot bind \(path)") }
    }

    deinit {
        close(descriptor)
    }

    /// The next notice; empty where none comes.
    func receive() async -> String {
        let descriptor = descriptor
        return await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var buffer = [UInt8](repeating: 0, count: 4096)
                let count = recv(descriptor, &buffer, buffer.count, 0)
                continuation.resume(returning: String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self))
            }
        }
    }
}
