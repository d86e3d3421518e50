import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

/// The command line × {owner, another user, administrator, no credential}, with real processes of those users.
@Suite("Verbs and users", .enabled(if: OtherUser.isPossible), .timeLimit(.minutes(30)))
struct AccessTests {
    private static let owner: UInt32 = 4201
    private static let other: UInt32 = 4202
    private static let administrator: UInt32 = 4203
    private static let nobody: UInt32 = 65534
    private static let missing = "999999"

    /// A verb's arguments, and its exit status for each of the four.
    private struct Row {
        let arguments: [String]
        let owner: Int32
        let other: Int32
        let administrator: Int32

        init(_ arguments: String..., owner: Int32 = 0, other: Int32, administrator: Int32 = 0) {
            self.arguments = arguments
            self.owner = owner
            self.other = other
            self.administrator = administrator
        }

        var verb: String { arguments[0] }
        var isAboutJob: Bool { arguments.contains { $0.hasPrefix("{") } }
    }

    /// `{done}`, `{queued}` and `{failed}` stand for a job of the owner in that state.
    private static let table = [
        Row("submit", "--image", "-", "a", other: 0),
        Row("status", other: 0),
        Row("status", "{done}", other: 65),
        Row("list", other: 0),
        Row("list", "--all", other: 0),
        Row("wait", "{done}", other: 65),
        Row("fetch", "{done}", "--output", "{output}", other: 65),
        Row("cancel", "{queued}", other: 65),
        Row("retry", "{failed}", other: 65),
        Row("forget", "{done}", "--yes", other: 65, administrator: 65),
        Row("models", other: 0),
        Row("usage", other: 0),
        Row("usage", "--all", owner: 77, other: 77),
        Row("user", "4299", "renamed", owner: 77, other: 77, administrator: 65),
        Row("pause", owner: 77, other: 77),
        Row("resume", owner: 77, other: 77),
    ]

    private func start(_ directory: TemporaryDirectory? = nil) async throws -> RunningDaemon {
        try await RunningDaemon(in: directory, environment: ["FLUXQ_ACCESS_ADMINS": "\(Self.administrator)"])
    }

    @Test("every verb ends for every caller as the table says, and another's job looks like a missing one")
    func verbs() async throws {
        let daemon = try await start()
        let help = try await daemon.fluxq("--help")
        let verbs = help.output.components(separatedBy: "SUBCOMMANDS:").last?.split(separator: "\n")
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.hasPrefix("  See") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(Set(try #require(verbs)) == Set(Self.table.map(\.verb)))

        for row in Self.table {
            for (caller, end) in [
                (Self.owner, row.owner), (Self.other, row.other), (Self.administrator, row.administrator),
                (Self.nobody, 77),
            ] {
                let output = daemon.directory.path("out-\(UUID().uuidString)")
                try FileManager.default.createDirectory(
                    atPath: output, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
                try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: output)
                let jobs = try await jobs(for: row, daemon)
                func run(_ job: String?) async throws -> RunningDaemon.Run {
                    let arguments = row.arguments.map { word in
                        word == "{output}" ? output : word.hasPrefix("{") ? job ?? jobs[word] ?? word : word
                    }
                    return try await daemon.fluxq(as: caller, arguments, input: SamplePictures.png.bytes)
                }
                let result = try await run(nil)
                #expect(result.end == .exit(end), "\(row.arguments) by \(caller): \(result.errors)")
                if row.isAboutJob, end == 65 {
                    let missing = try await run(Self.missing)
                    let id = jobs.first { row.arguments.contains($0.key) }?.value ?? ""
                    #expect(result.end == missing.end && result.output == missing.output)
                    #expect(result.errors.replacing("ob \(id)", with: "ob \(Self.missing)") == missing.errors)
                }
                if end == 77 { #expect(result.errors.hasPrefix("fluxq: ") && result.output.isEmpty) }
            }
        }
    }

    @Test("a pause keeps jobs waiting over a restart, says by whom, and a resume lets them continue")
    func pause() async throws {
        let first = try await start()
        let paused = try await first.fluxq(as: Self.administrator, ["pause"])
        #expect(paused.output.hasPrefix("The queue is paused by \(Self.administrator)"), "\(paused.output)")
        let id = try await submit(first, "a")
        #expect(try await first.fluxq(as: Self.owner, ["status", id]).output.contains("queued: paused"))
        #expect(await first.stop() == .exit(0))

        let second = try await start(first.directory)
        let status = try await second.fluxq(as: Self.owner, ["status"])
        #expect(status.output.contains("paused by \(Self.administrator) (uid \(Self.administrator))"))
        #expect(try second.ledger().isEmpty)
        #expect(try await second.fluxq(as: Self.administrator, ["resume"]).end == .exit(0))
        #expect(try await second.fluxq(as: Self.owner, ["wait", id]).end == .exit(0))
    }

    @Test("a resume probes a held queue immediately")
    func resumeHeld() async throws {
        let daemon = try await start()
        let id = try await submit(daemon, "a sandbox:no-money sandbox:times=1")
        try await daemon.waitForEvent("deferred")
        #expect(try await daemon.fluxq(as: Self.administrator, ["resume"]).end == .exit(0))
        #expect(try await daemon.fluxq(as: Self.owner, ["wait", id, "--timeout", "1500"]).end == .exit(0))
    }

    @Test("list --all shows an administrator every owner, and others only owner, state and place")
    func listAll() async throws {
        let daemon = try await start()
        #expect(try await daemon.fluxq(as: Self.administrator, ["pause"]).end == .exit(0))
        _ = try await submit(daemon, "the secret prompt", "--label", "secret-label")
        let admin = try await daemon.fluxq(as: Self.administrator, ["list", "--all"])
        #expect(admin.lines.first?.contains("OWNER") == true && admin.output.contains("the secret prompt"))
        let other = try await daemon.fluxq(as: Self.other, ["list", "--all"])
        #expect(
            other.output == "Other users:\nPLACE  STATE   OWNER\n    1  queued  \(Self.owner)\n", "\(other.output)")
        let json = try await daemon.fluxq(as: Self.other, ["list", "--all", "--json"])
        #expect(
            json.lines == [
                "[", #"{"owner":"\#(Self.owner)","place":1,"state":"queued","uid":\#(Self.owner)}"#, "]",
            ], "\(json.output)")
    }

    private func submit(_ daemon: RunningDaemon, _ prompt: String, _ more: String...) async throws -> String {
        let run = try await daemon.fluxq(
            as: Self.owner, ["submit", "--image", "-"] + more + [prompt], input: SamplePictures.png.bytes)
        return try #require(run.lines.first, "\(run.errors)")
    }

    private func jobs(for row: Row, _ daemon: RunningDaemon) async throws -> [String: String] {
        var jobs: [String: String] = [:]
        for word in row.arguments where word.hasPrefix("{") && word != "{output}" {
            let id =
                word == "{done}"
                ? try await submit(daemon, "a") : try await submit(daemon, "a", "--at", "2100-01-01T00:00:00Z")
            switch word {
            case "{done}": #expect(try await daemon.fluxq(as: Self.owner, ["wait", id]).end == .exit(0))
            case "{failed}": #expect(try await daemon.fluxq(as: Self.owner, ["cancel", id]).end == .exit(0))
            default: break
            }
            jobs[word] = id
        }
        return jobs
    }
}
