/// Time limits for tests in which a limit has to expire, but only after some other step. Each is four times the
/// previous one. A busy machine may need more than the first for that step; if the code is wrong, no limit helps.
enum LimitLadder {
    /// Returns the first result for which `isProof` is true, otherwise the last result.
    static func climb<Result>(
        from first: Duration, _ attempt: (Duration) async throws -> Result, until isProof: (Result) -> Bool
    ) async throws -> (limit: Duration, result: Result) {
        var limit = first
        for _ in 0..<4 {
            let result = try await attempt(limit)
            if isProof(result) { return (limit, result) }
            limit *= 4
        }
        return (limit, try await attempt(limit))
    }
}

extension Duration {
    /// Text such as "0.4 seconds", as in messages.
    var inSeconds: String { "\(self / .seconds(1)) seconds".replacing(".0 ", with: " ") }
}
