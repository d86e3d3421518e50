/// Time limits for tests in which a limit has to run out, but only after something else was done: each is four times the
/// one before. A busy machine may need more than the first for that; where the code is wrong no limit helps.
enum LimitLadder {
    /// Returns the first result that `isProof`; else the last one.
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
    /// Such as "0.4 seconds", as messages have it.
    var inSeconds: String { "\(self / .seconds(1)) seconds".replacing(".0 ", with: " ") }
}
