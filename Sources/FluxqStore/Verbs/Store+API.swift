extension Store {
    /// The kind of API that the calls of a state directory go to.
    package enum APIKind: String, Hashable, Sendable {
        case real, sandbox
    }

    /// At the first start, records where the calls go. At every later start, returns whether they still go there. Must
    /// be called before any call is made.
    ///
    /// - Parameter unknown: the kind that is assumed for a database with jobs from before this was recorded.
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
