import FluxqStore
import ServiceLifecycle

/// How a wait for a change of the store ended.
enum Wake: Sendable {
    /// Something has changed; it need not be of the topic.
    case changed
    case timeUp
    /// The client has gone, or fluxqd is stopping.
    case over
}

extension Routes {
    /// Waits, costing nothing, until something of the topics has changed after `seen`, the deadline has come, or nobody waits any more.
    func change(
        of topics: [ChangeSignal.Topic], after seen: UInt64, until deadline: ContinuousClock.Instant,
        _ connection: ConnectionState
    ) async -> Wake {
        await withTaskGroup(of: Wake.self) { group in
            for topic in topics {
                group.addTask {
                    _ = await store.signal.change(of: topic, after: seen)
                    return .changed
                }
            }
            group.addTask {
                // Canceled where something else came first.
                try? await Task.sleep(until: deadline, clock: .continuous)
                return .timeUp
            }
            group.addTask {
                try? await gracefulShutdown()
                return .over
            }
            group.addTask {
                await connection.clientLeaves()
                return .over
            }
            let first = await group.next()
            group.cancelAll()
            return Task.isCancelled ? .over : first ?? .over
        }
    }
}
