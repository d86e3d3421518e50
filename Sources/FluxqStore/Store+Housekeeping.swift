package import FluxqModel
import GRDB

extension Store {
    /// The time by which things are judged to be old: the wall clock's, unless that has run faster than time can.
    ///
    /// A clock that jumps a week forward would make everything a week old at once, and what is fresh would be thrown away.
    /// This time follows such a jump no faster than twice the real pace; a clock that is set back it follows at once.
    ///
    /// - Parameter elapsed: since it was asked last, by a clock that nobody sets; zero after a start.
    package func keepHouse(elapsed: Duration) async throws(StoreError) -> Timestamp {
        try await write { transaction in
            let before = try transaction.value(Timestamp.self, "SELECT housekeeping_at FROM queue")
            let time = min(transaction.now, before.map { $0 + elapsed * 2 } ?? transaction.now)
            if time != before { try transaction.execute("UPDATE queue SET housekeeping_at = ?", [time]) }
            return time
        }
    }
}
