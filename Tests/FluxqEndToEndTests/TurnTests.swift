import FluxqTestSupport
import Foundation
import Testing

@Suite("Many clients at once", .timeLimit(.minutes(30)))
struct TurnTests {
    private func statuses(_ run: RunningDaemon.Run) -> [Substring: Int] {
        run.output.split(separator: "\n").reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// A daemon with a picture to submit in its directory.
    private func daemon() async throws -> RunningDaemon {
        let daemon = try await RunningDaemon()
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: daemon.directory.path("a.png")))
        return daemon
    }

    /// The errors that a batch's submits have written so far.
    private func errors(in directory: TemporaryDirectory) -> String {
        (try? String(contentsOfFile: directory.path("errors"), encoding: .utf8)) ?? ""
    }

    /// Waits for a batch's end and returns it, with the exit statuses of its submits.
    private func end(of batch: ChildProcess) async -> (end: ChildProcess.End, statuses: [Substring: Int]) {
        let end = await batch.wait()
        return (end, statuses(RunningDaemon.Run(end: end, output: batch.output, errors: batch.errors)))
    }

    @Test("two hundred submits at once queue two hundred jobs")
    func batch() async throws {
        let daemon = try await daemon()
        let run = try await daemon.shell(
            """
            seq 200 | xargs -P 200 -I{} sh -c \
            'fluxq submit --image a.png --at 2100-01-01T00:00:00Z "p {}" >>ids 2>>errors; echo $?'
            """)
        let errors = errors(in: daemon.directory)
        #expect(statuses(run) == ["0": 200], "\(errors)")
        #expect(!errors.contains("not known"))
        let ids = try String(contentsOfFile: daemon.directory.path("ids"), encoding: .utf8).split(separator: "\n")
        #expect(Set(ids).count == 200)
        #expect(try await daemon.fluxq("list", "--limit", "1000").lines.count == 201)
    }

    @Test("more clients wait for their jobs than may be connected at once")
    func waiting() async throws {
        let daemon = try await daemon()
        let batch = try daemon.start(
            shell: """
                seq 80 | xargs -P 80 -I{} sh -c \
                'fluxq submit --image a.png --wait "p {} sandbox:until=go" >>ids 2>>errors; echo $?'
                """)
        // All are queued, though each waiting client would hold one of 64 connections.
        let ids = daemon.directory.path("ids")
        try await Observation.wait {
            try FileManager.default.fileExists(atPath: ids)
                && String(contentsOfFile: ids, encoding: .utf8).split(separator: "\n").count == 80
        }
        try daemon.letSandboxAnswer("go")
        let (end, statuses) = await end(of: batch)
        #expect(end == .exit(0))
        #expect(statuses == ["0": 80], "\(errors(in: daemon.directory))")
    }

    @Test("a restart in the middle of a batch loses no job and duplicates none")
    func restart() async throws {
        let first = try await daemon()
        let batch = try first.start(
            shell: """
                seq 60 | xargs -P 20 -I{} sh -c \
                'fluxq submit --image a.png --at 2100-01-01T00:00:00Z "p {}" >>ids 2>>errors; echo $?'
                """)
        let ids = first.directory.path("ids")
        try await Observation.wait { FileManager.default.fileExists(atPath: ids) }
        await first.kill()
        let second = try await RunningDaemon(in: first.directory)
        let (end, statuses) = await end(of: batch)
        #expect(end == .exit(0))
        #expect(statuses == ["0": 60], "\(errors(in: second.directory))")
        #expect(try await second.fluxq("list", "--limit", "1000").lines.count == 61)
    }
}
