/// The database engine. There is one writer at a time among all processes; a reader sees one commit.
protocol Engine: Sendable {
    /// Runs work on the writer's thread, where it may block. Work runs in the order of its calls.
    func enqueue(writer work: @escaping @Sendable () -> Void)

    /// Runs `body` in one write transaction and returns when its writes are on the disk. Blocks; only for use in the
    /// writer's work.
    ///
    /// - Throws: the error of `body`, or the reason why nothing was committed. The transaction is then rolled back.
    func write(_ body: (any Connection) throws -> Void) throws(StoreError)

    /// Runs `body` on the last commit, without waiting for the writer.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (any Connection) throws -> Value
    ) async throws(StoreError) -> Value

    /// Waits for the last write and closes the database.
    func close() throws(StoreError)
}
