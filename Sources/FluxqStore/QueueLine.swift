import FluxqModel
import GRDB

/// The order in which ready jobs would be claimed if nothing else came: the claim's own rule played forward.
struct QueueLine {
    struct Entry {
        let job: JobID
    }

    private static let furthest = 1000

    let entries: [Entry]

    init(_ db: Database) throws {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT id, uid, priority FROM jobs WHERE state = 'queued' AND not_before IS NULL ORDER BY id LIMIT ?
                    """), arguments: [Self.furthest])
        var ready = rows.map { (id: $0["id"] as JobID, uid: $0["uid"] as UInt32, priority: $0["priority"] as Int) }
        var entries: [Entry] = []
        // The oldest job says whose turn it is; priorities count among that owner's own jobs alone.
        while let oldest = ready.first {
            var next = 0
            for (index, job) in ready.enumerated() where job.uid == oldest.uid && job.priority > ready[next].priority {
                next = index
            }
            entries.append(Entry(job: ready.remove(at: next).id))
        }
        self.entries = entries
    }
}
