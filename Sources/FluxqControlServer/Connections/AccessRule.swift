/// Who may use a route. Every route has one; the one list of both is `Routes.all`.
///
/// | rule | owner | another user | administrator | no credential |
/// |---|---|---|---|---|
/// | `everybody` | own | own | own, or everybody's where asked for | refused at the socket |
/// | `ownerOfJob` | allowed | as if the job were not there | allowed | refused at the socket |
/// | `administrators` | forbidden | forbidden | allowed | refused at the socket |
enum AccessRule: Hashable, Sendable {
    /// What it tells and does concerns the caller alone.
    case everybody
    /// About one job. The condition stands in the SQL, so that somebody else's job is found as little as one that is not
    /// there; for a path with `{id}`, and no other.
    case ownerOfJob
    /// About the whole queue. Decided before anything else of the request is looked at.
    case administrators
}
