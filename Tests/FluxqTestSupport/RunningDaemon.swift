import Foundation

/// `fluxqd --sandbox` as a real process with a state directory and a socket of its own, and `fluxq` to drive it.
package final class RunningDaemon: Sendable {
    package struct Failure: Error {
        package let what: String
    }

    /// The result of one run of `fluxq`.
    package struct Run: Sendable {
        package let end: ChildProcess.End
        package let output: String
        package let errors: String

        package init(end: ChildProcess.End, output: String, errors: String) {
            (self.end, self.output, self.errors) = (end, output, errors)
        }

        package var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// One line of the sandbox's ledger.
    package struct LedgerEntry: Decodable, Sendable {
        package let prompt: String?
        package let status: Int?
        package let billed: Bool
        package let images: Int
        /// The time when the request's head arrived, by a monotonic clock.
        package let receivedMonotonicNanoseconds: Int64

        private enum CodingKeys: String, CodingKey {
            case prompt, status, billed, images
            case receivedMonotonicNanoseconds = "received_monotonic_ns"
        }
    }

    package let directory: TemporaryDirectory
    package let process: ChildProcess
    package let socket: String
    private let notices: NoticeSocket

    /// Starts the daemon and returns when it reports that it is ready.
    ///
    /// - Parameters:
    /// - directory: a new directory, or one that an earlier daemon left.
    ///   - environment: variables that override the defaults of a fast sandbox.
    ///   - isSandboxed: false if the environment names another API.
    ///   - api: another daemon's sandbox, called over the network like any API; nil starts a sandbox of its own.
    package init(
        in directory: TemporaryDirectory? = nil, environment: [String: String] = [:], arguments: [String] = [],
        isSandboxed: Bool = true, api: SandboxAddress? = nil
    ) async throws {
        let directory = try directory ?? TemporaryDirectory()
        self.directory = directory
        socket = directory.path("control.sock")
        notices = try NoticeSocket(path: directory.path("notify-\(UUID().uuidString.prefix(8))"))
        var all = Self.baseEnvironment
        all["NOTIFY_SOCKET"] = notices.path
        all["FLUXQ_SANDBOX_LATENCY_SECONDS"] = "0"
        // Tests connect with uids that have no entry in the user database.
        all["FLUXQ_ACCESS_UNKNOWN_USERS"] = "allow"
        all.merge(api?.environment ?? [:]) { $1 }
        all.merge(environment) { $1 }
        process = try ChildProcess(
            Self.executable("fluxqd"),
            (isSandboxed && api == nil ? ["--sandbox"] : [])
                + ["--state-directory", directory.path("state"), "--socket", socket] + arguments,
            environment: all,
            directory: directory.path)
        process.notify(whenEnded: { [notices] in notices.endWaiting() })
        guard await notices.receive().contains("READY=1") else {
            throw Failure(what: "fluxqd did not become ready: \(process.errors)")
        }
    }

    /// The daemon's next notice to its service manager; empty if none comes.
    package func nextNotice() async -> String {
        await notices.receive()
    }

    /// The address of a daemon's sandbox. A restarted daemon in the same directory uses it again.
    package struct SandboxAddress: Sendable {
        package let port: Int

        fileprivate var environment: [String: String] {
            [
                "FLUXQ_API_BASE_URL": "http://127.0.0.1:\(port)/v1", "FLUXQ_API_KEY": "sk-test",
                "FLUXQ_DOWNLOADS_TRUSTED_HOSTS": "127.0.0.1:\(port)",
            ]
        }
    }

    /// The address of this daemon's sandbox.
    package func sandboxAddress() throws -> SandboxAddress {
        let text = String(
            decoding: FileManager.default.contents(atPath: directory.path("state/sandbox/port")) ?? Data(),
            as: UTF8.self)
        guard let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw Failure(what: "the sandbox has left no port: \(text)")
        }
        return SandboxAddress(port: port)
    }

    package static let baseEnvironment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent",
    ]

    /// A program that was built beside the tests.
    package static func executable(_ name: String) -> String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent + "/" + name
    }

    /// The daemon's next notice to its service manager after `READY=1`; empty if none comes.
    package func notice() async -> String { await notices.receive() }

    /// Runs `fluxq` as another user; only root can do this.
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

    /// The calls that the stand-in of the API would have billed.
    package func ledger() throws -> [LedgerEntry] {
        let path = directory.path("state/sandbox/ledger.jsonl")
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return try data.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(LedgerEntry.self, from: $0)
        }
    }

    /// Answers the calls of `sandbox:until=NAME`.
    package func letSandboxAnswer(_ name: String) throws {
        try Data().write(to: URL(filePath: directory.path("state/sandbox/\(name)")))
    }

    /// The daemon's peak memory so far, in bytes.
    package func peakMemory() throws -> Int {
        try process.memory("VmHWM") * 1024
    }
}
