import NIOCore

extension Channel {
    /// Waits for the other side for at most `patience`. Then the channel is closed, which ends all waits on it.
    ///
    /// - Parameter mode: `.input` if an answer can still be sent.
    func closing<Value>(
        _ mode: CloseMode, after patience: Duration, isolation: isolated (any Actor)? = #isolation,
        unless body: () async throws -> Value
    ) async rethrows -> Value {
        let end = eventLoop.scheduleTask(in: TimeAmount(patience)) { self.close(mode: mode, promise: nil) }
        defer { end.cancel() }
        return try await body()
    }
}
