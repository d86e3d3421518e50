import FluxqControl
import FluxqControlClient

/// Several jobs one after the other: what goes wrong with one does not keep the next from its turn.
struct EachJob {
    let ids: [Int64]
    let console: Console

    /// - Parameter act: does one job.
    /// - Returns: success, or how the first that was not one ended.
    /// - Throws: what would go wrong with every other job as well, such as a lost connection.
    func run(_ act: (Int64) async throws -> ExitStatus) async throws -> ExitStatus {
        var first = ExitStatus.success
        var seen: Set<Int64> = []
        for id in ids where seen.insert(id).inserted {
            let status: ExitStatus
            do {
                status = try await act(id)
            } catch let error {
                guard let complaint = Self.complaint(error, about: id) else { throw error }
                console.complain(complaint)
                status = complaint.status
            }
            if first == .success { first = status }
        }
        return first
    }

    /// Changes each job and prints it: with `--json` its document on one line.
    ///
    /// - Parameters:
    ///   - change: of one job; gives it as it is then.
    ///   - words: what a person reads of it.
    func run(
        changing change: (Int64) async throws -> Answered<JobDocument>, words: (JobDocument) -> String
    ) async throws -> ExitStatus {
        try await run { id in
            let answer = try await change(id)
            if console.json {
                try console.print(JSONText.value(answer.json))
            } else {
                try console.print(words(answer.document))
            }
            return .success
        }
    }

    /// nil for what is not this job's own.
    private static func complaint(_ error: any Error, about id: Int64) -> CommandFailure? {
        switch error {
        case ControlClientError.problem(let problem): CommandFailure(problem, aboutJob: id)
        case let complaint as CommandFailure: complaint
        case let error as DestinationError: CommandFailure(error)
        default: nil
        }
    }
}
