/// One line of the event log: the `data` of a server-sent event whose `id` is the cursor for `since`.
package struct EventDocument: Hashable, Sendable, Codable {
    package var id: Int64
    package var at: WireTime
    /// Absent where it is about the whole queue.
    package var job: Int64?
    /// Whose job it is.
    package var uid: UInt32?
    /// Who did it; absent where it was fluxqd itself.
    package var actor: UInt32?
    /// What happened, such as `submitted`, `claimed`, `answered`, `picture_saved`, `done`, `failed`;
    /// `paused` and `resumed` for the whole queue.
    package var kind: String
    /// The job's state after it.
    package var state: String?

    package init(
        id: Int64, at: WireTime, job: Int64?, uid: UInt32?, actor: UInt32?, kind: String, state: String?
    ) {
        self.id = id
        self.at = at
        self.job = job
        self.uid = uid
        self.actor = actor
        self.kind = kind
        self.state = state
    }
}
