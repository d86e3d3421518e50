import FluxqControl
import FluxqControlClient
import Foundation
import Synchronization
import Testing

@testable import FluxqCommands

@Suite("Several jobs at once")
struct EachJobTests {
    private func run(
        _ ids: [Int64], json: Bool = false, _ act: (Int64) throws -> FluxqCommands.ExitStatus
    ) async throws -> (status: FluxqCommands.ExitStatus, told: String) {
        let errors = Pipe()
        let console = Console(json: json, errors: errors.fileHandleForWriting.fileDescriptor)
        let status = try await EachJob(ids: ids, console: console).run { try act($0) }
        try errors.fileHandleForWriting.close()
        let told = try errors.fileHandleForReading.readToEnd() ?? Data()
        return (status, String(decoding: told, as: UTF8.self))
    }

    private static let noSuchJob = ControlClientError.problem(
        Problem(status: 404, code: .noSuchJob, title: "No such job", detail: "There is none."))

    @Test("a failure names its job, and the next job is handled")
    func goesOn() async throws {
        var seen: [Int64] = []
        let (status, told) = try await run([1, 2, 3, 2]) { id in
            seen.append(id)
            if id == 2 { throw Self.noSuchJob }
            return id == 3 ? .jobFailed : .success
        }
        #expect(seen == [1, 2, 3])
        #expect(status == .badInput)
        #expect(told == "fluxq: You have no job 2. To list your jobs: fluxq list\n")
    }

    @Test("with --json a failure is the problem's document")
    func json() async throws {
        let (_, told) = try await run([2], json: true) { _ in throw Self.noSuchJob }
        #expect(
            told == #"{"code":"no_such_job","detail":"There is none.","exit":65,"status":404,"title":"No such job"}"#
                + "\n")
    }

    @Test("an error that affects every job ends the run")
    func ends() async throws {
        var seen = 0
        await #expect(throws: ControlClientError.self) {
            _ = try await run([1, 2]) { _ in
                seen += 1
                throw ControlClientError.noDaemon(path: "/s", .missing)
            }
        }
        #expect(seen == 1)
    }
}
