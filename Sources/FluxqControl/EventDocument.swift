/// One line of the event log: the `data` of a server-sent event whose `id` is the cursor for `since`.
package struct EventDocument: Hashable, Sendable, Codable {
    package var id: Int64
    package var at: WireTime
    package var job: Int64
    /// What happened, such as `submitted`, `claimed`, `answered`, `picture_saved`, `done`, `failed`.
    package var kind: String
    /// The job's state after it.
    package var state: String

    package init(id: Int64, at: WireTime, job: Int64, kind: String, state: String) {
        self.id = id
        self.at = at
        self.job = job
        self.kind = kind
        self.state = state
    }
}
