import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqModel

/// A job of a page, as decoded by this program and as JSON of the daemon.
struct Listed {
    let document: JobDocument
    let json: JSONValue

    /// - Parameter json: true if the daemon's own JSON is wanted; parsing it noticeably slows the start.
    static func jobs(of page: Answered<JobPage>, json: Bool) throws(CommandFailure) -> [Listed] {
        guard json else { return page.document.jobs.map { Listed(document: $0, json: .null) } }
        guard case .array(let values) = try JSONText.value(page.json)["jobs"], values.count == page.document.jobs.count
        else {
            throw CommandFailure(.unavailable, code: "protocol_error", "The daemon's answer is not a page of jobs.")
        }
        return zip(page.document.jobs, values).map(Listed.init)
    }

    /// Follows the pages up to the limit: the daemon shortens a page if prompts are long.
    static func pages(
        _ client: ControlClient, state: JobState?, label: String? = nil, limit: Int, all: Bool = false, json: Bool
    ) async throws -> (jobs: [Listed], first: Answered<JobPage>?) {
        var jobs: [Listed] = []
        var first: Answered<JobPage>?
        var before: Int64?
        while jobs.count < limit {
            let page = try await client.jobs(
                state: state?.rawValue, label: label, before: before, limit: limit - jobs.count, all: all)
            first = first ?? page
            jobs += try Self.jobs(of: page, json: json).prefix(limit - jobs.count)
            // Without this check, pages that do not continue the previous one would never end.
            guard let next = page.document.next, !page.document.jobs.isEmpty, before.map({ next < $0 }) ?? true else {
                break
            }
            before = next
        }
        return (jobs, first)
    }

    /// The page's entries for other users' jobs, as the daemon wrote them.
    static func others(of page: Answered<JobPage>) throws(CommandFailure) -> [JSONValue] {
        guard case .array(let values) = try JSONText.value(page.json)["others"] else { return [] }
        return values
    }

    /// When the job ended, or was submitted if it has not ended.
    var ended: Int64 { (document.finishedAt ?? document.createdAt).timestamp.rawValue }
}
