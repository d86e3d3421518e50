import FluxqModel
import FluxqStore

/// Waits for a change of the store or a point in time, whichever comes first; never polls.
struct Wakeup: Sendable {
    /// What it was like before the store was looked at.
    struct Look: Sendable {
        fileprivate let changes: UInt64
        fileprivate let wall: Timestamp
        fileprivate let uptime: Duration
    }

    let signal: ChangeSignal
    let clock: any WorkClock

    /// To be taken before the store is looked at.
    func look() -> Look {
        Look(changes: signal.count, wall: clock.now(), uptime: clock.uptime())
    }

    /// - Parameter time: that the store has named; nil waits for a change alone.
    func wait(for topic: ChangeSignal.Topic, after look: Look, until time: Timestamp?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await signal.change(of: topic, after: look.changes) }
            if let time {
                // Canceled when the change comes first; then the time does not matter any more.
                group.addTask { try? await clock.sleep(until: time) }
                // Somebody may have set the wall clock since the look, by which the time means another one.
                let left = time - look.wall - (clock.uptime() - look.uptime)
                group.addTask { try? await clock.sleep(for: max(left, .zero)) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
