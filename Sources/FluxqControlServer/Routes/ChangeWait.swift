package import FluxqStore
import ServiceLifecycle

/// How a wait for a change of the store ended.
package enum Wake: Sendable {
    /// Something has changed, perhaps in another topic.
    case changed
    case timeUp
    /// The client has disconnected, or fluxqd is stopping.
    case over
}

extension Routes {
    /// Waits, without using the processor, until a topic has changed after `seen`, the deadline has passed, or the wait
    /// is over.
    func change(
        of topics: [ChangeSignal.Topic], after seen: UInt64, until deadline: ContinuousClock.Instant,
        _ connection: ConnectionState
    ) async -> Wake {
        await change(of: topics, after: seen, until: deadline) { await connection.clientLeaves() }
    }

    /// - Parameter leaving: returns when the wait is over for the client, or the task is canceled.
    package func change(
        of topics: [ChangeSignal.Topic], after seen: UInt64, until deadline: ContinuousClock.Instant,
        leaving: @escaping @Sendable () async -> Void
    ) async -> Wake {
        await withTaskGroup(of: Wake.self) { group in
            for topic in topics {
                group.addTask {
                    _ = await store.signal.change(of: topic, after: seen)
                    return .changed
                }
            }
            group.addTask {
                // Canceled if another task ended first.
                try? await Task.sleep(until: deadline, clock: .continuous)
                return .timeUp
            }
            group.addTask {
                try? await gracefulShutdown()
                return .over
            }
            group.addTask {
                await leaving()
                return .over
            }
            let first = await group.next()
            group.cancelAll()
            return Task.isCancelled ? .over : first ?? .over
        }
    }
}
