import NIOCore

extension Channel {
    /// Waits for the other side no longer than that: then the channel is closed, which ends whatever waits on it.
    ///
    /// - Parameter mode: `.input` where there is still something to say.
    func closing<Value>(
        _ mode: CloseMode, after patience: Duration, isolation: isolated (any Actor)? = #isolation,
        unless body: () async throws -> Value
    ) async rethrows -> Value {
        let end = eventLoop.scheduleTask(in: TimeAmount(patience)) { self.close(mode: mode, promise: nil) }
        defer { end.cancel() }
        return try await body()
    }
}
