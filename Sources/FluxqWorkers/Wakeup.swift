import FluxqModel
import FluxqStore

/// Waits for a change of the store or a point in time, whichever comes first; never polls.
struct Wakeup: Sendable {
    /// The clock may be set between the look at the store that names a time and the wait for it, which then means another
    /// time. So whoever waits for a time looks again before long.
    private static let longestWait = Duration.seconds(300)

    let signal: ChangeSignal
    let clock: any WorkClock

    /// - Parameters:
    ///   - seen: `signal.count` from before the caller looked at the store.
    ///   - time: nil waits for a change alone.
    func wait(for topic: ChangeSignal.Topic, after seen: UInt64, until time: Timestamp?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await signal.change(of: topic, after: seen) }
            if let time {
                // Canceled when the change comes first; then the time does not matter any more.
                group.addTask { try? await clock.sleep(until: time) }
                group.addTask { try? await clock.sleep(for: Self.longestWait) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
