import FluxqDiskFaults
import FluxqTestSupport
import Foundation
import Testing

/// The proofs as programs, with small counts; and that they notice what they are for.
@Suite("crashtest, powertest and faulttest", .serialized, .timeLimit(.minutes(30)))
struct ProofTests {
    private func run(_ program: String, _ arguments: String...) async throws -> (ChildProcess.End, output: String) {
        let directory = try TemporaryDirectory()
        var environment = ProcessInfo.processInfo.environment
        // None of what they prove depends on the disk, and thousands of its syncs take their time.
        environment["TMPDIR"] = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : directory.path
        let process = try ChildProcess(
            RunningDaemon.executable(program), arguments, environment: environment, directory: directory.path)
        let end = await process.wait()
        return (end, process.output + process.errors)
    }

    @Test("a daemon that is killed at any point of an answer keeps what it had read")
    func kills() async throws {
        let (end, output) = try await run("crashtest", "--rounds", "10", "--seed", "3", "--points", Self.answerPoints)
        #expect(end == .exit(0), "\(output)")
        #expect(output.contains("lost 0"), "\(output)")
    }

    private static let answerPoints = "inlinePictureReceived,answerRead,fileLinked,inlinePictureArchived"

    @Test(
        "one that finds nothing of what was read, or too little, breaks a rule",
        arguments: [("empty-incoming", answerPoints), ("forget-notes", "answerRead")])
    func forgotten(_ plant: String, points: String) async throws {
        let (end, output) = try await run(
            "crashtest", "--rounds", "10", "--seed", "3", "--points", points, "--plant", plant)
        #expect(end == .exit(1), "\(output)")
        #expect(output.contains("what had been read of an answer outlives a kill"), "\(output)")
    }

    @Test("clients that know nothing of fluxq hang up, send again, and pay once, whenever the daemon is killed")
    func clients() async throws {
        let (end, output) = try await run("crashtest", "--rounds", "15", "--seed", "3", "--points", Self.deliveryPoints)
        #expect(end == .exit(0), "\(output)")
        #expect(output.contains("billed twice 0"), "\(output)")
        #expect(!output.contains("never hit"), "\(output)")
    }

    private static let deliveryPoints =
        "doorAnswerMade,doorAnswerBegun,doorAnswerSent,doorAnswerTaken,doorDeliveryNoted"

    @Test(
        "they pay twice if an answer counts as delivered too early, or a retry is not recognized",
        arguments: ["note-early", "never-join"])
    func undelivered(_ plant: String) async throws {
        let (end, output) = try await run(
            "crashtest", "--rounds", "20", "--seed", "3", "--points", Self.deliveryPoints, "--plant", plant)
        #expect(end == .exit(1), "\(output)")
        #expect(output.contains("no job is billed more than once unasked"), "\(output)")
    }

    @Test("a daemon that syncs as it should loses nothing to a power cut")
    func power() async throws {
        let (end, output) = try await run("powertest", "--stride", "25", "--variants", "4")
        #expect(end == .exit(0), "\(output)")
        #expect(output.contains("failed 0"), "\(output)")
    }

    @Test("one whose syncs are left out does, whichever they are", arguments: SystemCallShim.DroppedSyncs.allCases)
    func dropped(_ syncs: SystemCallShim.DroppedSyncs) async throws {
        let kept = try TemporaryDirectory()
        defer { withExtendedLifetime(kept) {} }
        let (end, output) = try await run(
            "powertest", "--stride", "10", "--variants", "4", "--stop-at-first", "--drop-fsync", syncs.rawValue,
            "--keep",
            kept.path)
        #expect(end == .exit(1), "\(output)")
        #expect(output.contains("FAILED"), "\(output)")
    }

    @Test(
        "a call that fails breaks no promise",
        arguments: ["sync EIO", "write ENOSPC archive", "write EINTR", "write short"])
    func fault(_ faults: String) async throws {
        let (end, output) = try await run("faulttest", "--stride", "60", "--only", faults)
        #expect(end == .exit(0), "\(output)")
    }

    @Test("renames that report success and are not done are noticed")
    func lie() async throws {
        let (end, output) = try await run("faulttest", "--lie", "--only", "rename")
        #expect(end == .exit(1), "\(output)")
        #expect(output.contains("FAILED rename lie"), "\(output)")
    }
}
