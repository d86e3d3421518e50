import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite("Maintaining the state", .timeLimit(.minutes(30)))
struct MaintenanceTests {
    /// Runs `fluxqd` to its end.
    private func fluxqd(
        _ arguments: String..., in directory: TemporaryDirectory
    ) async throws -> (end: ChildProcess.End, output: String, errors: String) {
        let process = try ChildProcess(
            RunningDaemon.executable("fluxqd"), arguments, environment: RunningDaemon.baseEnvironment,
            directory: directory.path)
        let end = await process.wait()
        return (end, process.output, process.errors)
    }

    private func object(_ hash: String, of daemon: RunningDaemon) -> String {
        let digits = hash.dropFirst("sha256:".count)
        return daemon.directory.path("state/objects/sha256/\(digits.prefix(2))/\(digits)")
    }

    private func flipBit(of hash: String, in daemon: RunningDaemon) throws {
        let path = object(hash, of: daemon)
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[bytes.count / 2] ^= 1
        try FileManager.default.removeItem(atPath: path)
        try bytes.write(to: URL(filePath: path))
    }

    @Test("a picture that is damaged under a running daemon is not served but fetched again, and not paid for again")
    func refetched() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "--wait", "a"], input: SamplePictures.png.bytes)
        let before = try await daemon.job(1)
        try flipBit(of: before.images[0].hash, in: daemon)
        let check = try await daemon.check()
        #expect(check.end == .exit(1) && check.findings.map(\.kind) == ["damaged_file"])

        let fetch = try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path("out"))
        #expect(fetch.end == .exit(75) && fetch.output.isEmpty)
        #expect(
            fetch.errors.contains("damaged in the archive") && fetch.errors.contains("downloads it again"), "\(fetch)")
        try await daemon.waitForEvent("picture_saved", count: 2)
        #expect(try await daemon.job(1) == before)
        #expect(try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path("out")).end == .exit(0))
        #expect(try daemon.ledger().count == 1)
        await daemon.stop()
    }

    @Test("damage is repaired by hand while the daemon is stopped; while it runs, only the daemon repairs")
    func repaired() async throws {
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(
            ["submit", "--image", "-", "--wait", "a sandbox:inline"], input: SamplePictures.png.bytes)
        let before = try await daemon.job(1)
        let refused = try await daemon.check("--repair")
        #expect(refused.end == .exit(71) && refused.errors.contains("\(daemon.process.id)"), "\(refused)")
        await daemon.stop()

        let path = object(before.images[0].hash, of: daemon)
        let original = try Data(contentsOf: URL(filePath: path))
        try flipBit(of: before.images[0].hash, in: daemon)
        let repair = try await daemon.check("--repair")
        #expect(repair.end == .exit(1) && repair.findings.count == 1)
        #expect(repair.findings.first?.repair?.contains("damaged/") == true)
        let lost = try await daemon.check()
        #expect(lost.end == .exit(1) && lost.findings.map(\.kind) == ["lost_content"])

        let second = try await RunningDaemon(in: daemon.directory)
        let fetch = try await second.fluxq("fetch", "1", "--output", second.directory.path("out"))
        #expect(fetch.end == .exit(1) && fetch.errors.contains("no link"), "\(fetch)")
        let status = try await second.fluxq("status", "1")
        #expect(status.output.contains("done") && status.output.contains("damaged in the archive"))
        await second.stop(expectingSoundState: false)

        // The file is restored, as from a backup, and the next start finds it.
        try original.write(to: URL(filePath: path))
        let third = try await RunningDaemon(in: daemon.directory)
        try await third.waitForEvent("picture_saved")
        #expect(try await third.job(1) == before)
        await third.stop()
    }

    @Test("a backup under load is restored into an empty directory, sends nothing again, and gives back every picture")
    func backup() async throws {
        let daemon = try await RunningDaemon(
            environment: ["FLUXQ_WORKERS_CONCURRENCY": "3", "FLUXQ_WORKERS_DRAIN_SECONDS": "1"])
        let picture = SamplePictures.png.bytes
        _ = try await daemon.run(["submit", "--image", "-", "--wait", "--n", "2", "first"], input: picture)
        let first = try await daemon.job(1)
        _ = try await daemon.run(["submit", "--image", "-", "second sandbox:slow=600"], input: picture)
        try await daemon.waitForEvent("claimed", count: 2)
        _ = try await daemon.run(["submit", "--image", "-", "third sandbox:flaky-link=1000"], input: picture)
        try await daemon.waitForEvent("answered", count: 2)
        _ = try await daemon.run(["submit", "--image", "-", "--at", "2100-01-01T00:00:00Z", "fourth"], input: picture)

        let backup = daemon.directory.path("backup")
        let state = daemon.directory.path("state")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    for round in 0..<4 {
                        let run = try await daemon.run(
                            ["submit", "--image", "-", "load \(number) \(round)"], input: picture)
                        #expect(run.end == .exit(0))
                    }
                }
            }
            // Twice: the second backup finds the first.
            for _ in 0..<2 {
                let run = try await fluxqd("backup", "--state-directory", state, backup, in: daemon.directory)
                #expect(run.end == .exit(0), "\(run)")
            }
            try await group.waitForAll()
        }
        let tar = try await fluxqd("backup", "--state-directory", state, "\(backup).tar", in: daemon.directory)
        #expect(tar.end == .exit(0), "\(tar)")
        let again = try await fluxqd("backup", "--state-directory", state, "\(backup).tar", in: daemon.directory)
        #expect(again.end == .exit(71) && again.errors.contains("already"), "\(again)")
        #expect(try await daemon.fluxq("status").end == .exit(0))
        await daemon.stop()

        let directory = try TemporaryDirectory()
        let copy = try ChildProcess(
            "cp", ["-a", backup, directory.path("state")], environment: RunningDaemon.baseEnvironment,
            directory: directory.path)
        #expect(await copy.wait() == .exit(0))
        let check = try await fluxqd("check", "--json", "--state-directory", directory.path("state"), in: directory)
        #expect(check.end == .exit(0) && check.output.contains("\"findings\":[]"), "\(check)")

        let restored = try await RunningDaemon(in: directory)
        #expect(try await restored.job(1) == first)
        let fetch = try await restored.fluxq("fetch", "1", "--output", directory.path("out"))
        #expect(fetch.end == .exit(0) && fetch.lines.count == 2)
        #expect(try await restored.job(2).reason == "outcome_unknown")
        #expect(try await restored.job(3).phase == "archiving")
        // Its start time is still to come; even so, it may have been canceled or called since the backup.
        #expect(try await restored.job(4).reason == "outcome_unknown")
        // The restored daemon has sent nothing.
        #expect(try restored.ledger().isEmpty)
        await restored.stop()
    }

    @Test(
        "root maintains another user's state and leaves no file of its own behind, even after a kill",
        .enabled(if: geteuid() == 0))
    func root() async throws {
        let nobody = 65534
        let daemon = try await RunningDaemon()
        _ = try await daemon.run(["submit", "--image", "-", "--wait", "a"], input: SamplePictures.png.bytes)
        await daemon.kill()
        let state = daemon.directory.path("state")
        let log = try Data(contentsOf: URL(filePath: "\(state)/queue.sqlite-wal"))
        #expect(log.count > 0)
        try FileManager.default.removeItem(atPath: "\(state)/queue.sqlite-shm")
        let chown = try ChildProcess(
            "chown", ["-R", "\(nobody):\(nobody)", state], environment: RunningDaemon.baseEnvironment,
            directory: daemon.directory.path)
        #expect(await chown.wait() == .exit(0))

        for arguments in [["check"], ["backup", daemon.directory.path("backup")]] {
            let process = try ChildProcess(
                RunningDaemon.executable("fluxqd"), arguments + ["--state-directory", state],
                environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
            #expect(await process.wait() == .exit(0), "\(process.errors)")
            // The log is unchanged: there was no checkpoint, and it still exists.
            #expect(try Data(contentsOf: URL(filePath: "\(state)/queue.sqlite-wal")) == log)
            for name in try FileManager.default.subpathsOfDirectory(atPath: state) {
                let owner = try FileManager.default.attributesOfItem(atPath: "\(state)/\(name)")[.ownerAccountID]
                #expect((owner as? NSNumber)?.intValue == nobody, "\(name)")
            }
            // Restores the state before the check.
            try FileManager.default.removeItem(atPath: "\(state)/queue.sqlite-shm")
        }
    }

    @Test("check and backup report that there is no state")
    func nothing() async throws {
        let directory = try TemporaryDirectory()
        for arguments in [["check"], ["backup", directory.path("backup")], ["check", "--repair"]] {
            let process = try ChildProcess(
                RunningDaemon.executable("fluxqd"), arguments + ["--state-directory", directory.path("none")],
                environment: RunningDaemon.baseEnvironment, directory: directory.path)
            #expect(await process.wait() == .exit(71))
            #expect(process.errors.contains("--state-directory"), "\(process.errors)")
        }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { !$0.hasPrefix("process") }
                == [])
    }
}
