/// Where the rows are. One writer at a time, over everybody who shares them; a reader sees one commit.
protocol Engine: Sendable {
    /// Hands work to the writer's thread, where it may block. Work runs in the order in which it came.
    func enqueue(writer work: @escaping @Sendable () -> Void)

    /// Runs `body` in one write transaction and returns when what it wrote is on the disk. Blocks; for the writer's work alone.
    ///
    /// - Throws: what `body` threw, or why nothing was committed; the transaction is taken back then.
    func write(_ body: (any Connection) throws -> Void) throws(StoreError)

    /// Runs `body` on the last commit, without waiting for the writer.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Value
    ) async throws(StoreError) -> Value

    /// Waits for the last write.
    func close() throws(StoreError)
}
