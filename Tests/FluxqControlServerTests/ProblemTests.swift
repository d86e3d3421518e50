import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore
import Foundation
import SystemPackage
import Testing

@testable import FluxqControlServer

@Suite("An error on its way to the caller")
struct ProblemTests {
    @Test(
        "becomes a problem of its status and code",
        arguments: [
            (StoreError.full, 507, .storageFull),
            (ArchiveError.full(operation: .write, path: "/secret"), 507, .storageFull),
            (ArchiveError.tooLarge(limit: 5), 413, .tooLarge),
            (ArchiveError.failed(operation: .sync, path: "/secret", errno: .ioError), 500, .internal),
            (StoreError.failedDisk("/secret"), 500, .internal), (StoreError.damaged("/secret"), 500, .internal),
            (CancellationError(), 500, .internal), (RequestReader.Failure.bodyCut, 400, .badRequest),
            (EditRequest.Invalid(fields: [.init(field: "n", problem: "is bad")]), 422, .invalidFields),
            (Problem.keyReused, 409, .keyReused),
        ] as [(any Error, Int, Problem.Code)])
    func mapped(error: any Error, status: Int, code: Problem.Code) {
        let problem = Problem(error)
        #expect(problem.status == status && problem.code == code)
        #expect(!problem.detail.contains("secret"))
    }
}
