import FluxqControl
import FluxqControlClient

/// Handles several jobs in turn; a failure with one does not stop the next.
struct EachJob {
    let ids: [Int64]
    let console: Console

    /// - Parameter act: handles one job.
    /// - Returns: success, or the first status that is not success.
    /// - Throws: errors that would affect every other job as well, such as a lost connection.
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

    /// Changes each job and prints it; with `--json` its document on one line.
    ///
    /// - Parameters:
    ///   - change: changes one job and returns its new document.
    ///   - words: the text for a person.
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

    /// nil for an error that is not specific to this job.
    private static func complaint(_ error: any Error, about id: Int64) -> CommandFailure? {
        switch error {
        case ControlClientError.problem(let problem): CommandFailure(problem, aboutJob: id)
        case let complaint as CommandFailure: complaint
        case let error as DestinationError: CommandFailure(error)
        default: nil
        }
    }
}
