package import FluxqModel
package import FluxqStore

// Calls with an owner's own view, for tests that do not depend on the caller.
extension Store {
    package func job(_ id: JobID, uid: UInt32) async throws(StoreError) -> Job? {
        try await job(id, for: Caller(uid: uid, name: "owner"))
    }

    package func jobs(_ query: JobQuery, uid: UInt32) async throws(StoreError) -> [Job] {
        try await jobs(query, for: Caller(uid: uid, name: "owner")).jobs
    }

    package func picture(of id: JobID, index: Int, uid: UInt32) async throws(StoreError) -> ReadableContent? {
        try await picture(of: id, index: index, for: Caller(uid: uid, name: "owner"))
    }

    package func input(of id: JobID, uid: UInt32) async throws(StoreError) -> StoredPicture? {
        try await input(of: id, for: Caller(uid: uid, name: "owner"))
    }

    package func cancel(_ id: JobID, uid: UInt32) async throws(StoreError) -> ChangeResult {
        try await cancel(id, by: Caller(uid: uid, name: "owner"))
    }

    package func retry(_ id: JobID, uid: UInt32) async throws(StoreError) -> ChangeResult {
        try await retry(id, by: Caller(uid: uid, name: "owner"))
    }

    package func events(uid: UInt32, since: Int64, limit: Int) async throws(StoreError) -> [Event] {
        try await events(for: Caller(uid: uid, name: "owner"), since: since, limit: limit)
    }
}
