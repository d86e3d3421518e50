/// Who may use a route. Every route has one rule; `Routes.all` is the only list of both.
///
/// | rule | owner | another user | administrator | no credential |
/// |---|---|---|---|---|
/// | `everybody` | own | own | own, or all users' if requested | refused at the socket |
/// | `ownerOfJob` | allowed | as if the job did not exist | allowed | refused at the socket |
/// | `administrators` | forbidden | forbidden | allowed | refused at the socket |
enum AccessRule: Hashable, Sendable {
    /// It shows and changes only the caller's own data.
    case everybody
    /// About one job. The SQL contains the condition, so that another user's job looks like one that does not exist.
    /// For all paths with `{id}`, and no others.
    case ownerOfJob
    /// About the whole queue. Checked before the rest of the request is read.
    case administrators
}
