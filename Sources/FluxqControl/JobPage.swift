/// The answer of `GET /v1/jobs`: newest first.
package struct JobPage: Hashable, Sendable, Codable {
    /// Jobs of one page at most: with the longest prompts a page stays within some megabytes.
    package static let mostJobs = 100

    package var jobs: [JobDocument]
    /// The `before` of the next page; absent on the last.
    package var next: Int64?

    package init(jobs: [JobDocument], next: Int64?) {
        self.jobs = jobs
        self.next = next
    }
}
