package import FluxqModel

extension Store {
    /// Logs for the owners of jobs that an administrator has viewed them or fetched their pictures. The administrator's
    /// own jobs are skipped.
    package func noteLooks(
        at jobs: [JobID], _ kind: EventKind, by administrator: Caller
    ) async throws(StoreError) {
        try await write { transaction in
            for id in jobs {
                let row = try transaction.row(
                    "SELECT uid, state FROM jobs WHERE id = ? AND uid <> ?", [id, administrator.uid])
                guard let row else { continue }
                try transaction.log(
                    kind, job: id, uid: row["uid"], state: try row.choice("state"), actor: administrator.uid)
            }
        }
    }
}
