extension Store {
    /// Where the calls of a state directory go.
    package enum APIKind: String, Hashable, Sendable {
        case real, sandbox
    }

    /// Remembers at the first start where the calls go, and says at every other whether they still go there. To be called
    /// before anything is called.
    ///
    /// - Parameter unknown: what is taken of a database with jobs from before this was remembered.
    package func belongs(to kind: APIKind, ifUnknown unknown: APIKind) async throws(StoreError) -> Bool {
        try await write { transaction in
            if let known = try transaction.value(String.self, "SELECT api FROM queue WHERE api IS NOT NULL") {
                return known == kind.rawValue
            }
            let hasJobs = try transaction.value(Int64.self, "SELECT id FROM jobs LIMIT 1") != nil
            let first = hasJobs ? unknown : kind
            try transaction.execute("UPDATE queue SET api = ?", [first.rawValue])
            return first == kind
        }
    }
}
