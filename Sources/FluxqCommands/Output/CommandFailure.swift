import FluxqControl
import FluxqFormats
import Glibc

/// The reason why a verb failed, for a person, a program and the shell.
struct CommandFailure: Error, Hashable, Sendable {
    var status: ExitStatus
    /// A stable code for programs: the daemon's problem code, or one of this program such as `no_daemon`.
    var code: String
    /// What happened and what to do about it.
    var detail: String
    /// The invalid fields of a submitted job.
    var fields: [Problem.Field] = []
    /// The job, if one is queued in spite of the failure.
    var job: Int64?
    /// The daemon's own document, if the daemon refused the request.
    var problem: Problem?

    init(_ status: ExitStatus, code: String, _ detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    /// - Parameter subject: what the failure is about, such as a file's name, if the daemon's message does not say it.
    init(_ problem: Problem, about subject: String? = nil) {
        self.init(ExitStatus(problem.code), code: problem.code.rawValue, problem.detail)
        self.problem = problem
        if let listed = problem.fields, !listed.isEmpty {
            fields = listed
            detail = "\(problem.title). Nothing was queued. Correct these fields:"
        } else if let subject {
            detail = "\(subject): \(problem.detail)"
        }
    }

    /// The daemon's problem with one job, naming the job's number once. "No such job" gets this program's own text.
    init(_ problem: Problem, aboutJob job: Int64) {
        let isNamed = problem.detail.hasPrefix("Job \(job) ")
        self.init(problem, about: isNamed ? nil : "Job \(job)")
        if problem.code == .noSuchJob { detail = "You have no job \(job). To list your jobs: fluxq list" }
    }

    /// A failure after the job was queued. Its status keeps scripts from submitting the job again.
    init(queued job: Int64, _ cause: CommandFailure) {
        self = cause
        self.job = job
        if cause.status != .jobFailed { status = .lookFirst }
        let what = "job \(job) is queued and continues. Do not submit it again; to see its state: fluxq status \(job)."
        detail = "\(what) \(problem?.detail ?? cause.detail)"
    }

    /// The lines for a person on standard error.
    var lines: [String] {
        ["fluxq: \(TerminalText.line(detail))"]
            + fields.map { "  \(TerminalText.line($0.field)) \(TerminalText.line($0.problem))" }
    }

    /// The document for a program on standard error: the daemon's problem document, or one of the same shape.
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "code": .string(code), "detail": .string(job == nil ? problem?.detail ?? detail : detail),
            "exit": .integer(Int64(status.rawValue)),
        ]
        if let job { members["job"] = .integer(job) }
        if let problem {
            members["status"] = .integer(Int64(problem.status))
            members["title"] = .string(problem.title)
        }
        if let limit = problem?.limit { members["limit"] = JSONText.members(of: limit) }
        if !fields.isEmpty {
            members["fields"] = .array(
                fields.map { .object(["field": .string($0.field), "problem": .string($0.problem)]) })
        }
        return .object(members)
    }
}
