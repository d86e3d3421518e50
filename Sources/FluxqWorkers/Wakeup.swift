import FluxqModel
import FluxqStore

/// Waits for a change of the store or a point in time, whichever comes first; never polls.
struct Wakeup: Sendable {
    /// The state of the signal and the clocks before the store was read.
    struct Look: Sendable {
        fileprivate let changes: UInt64
        fileprivate let wall: Timestamp
        fileprivate let uptime: Duration
    }

    let signal: ChangeSignal
    let clock: any WorkClock

    /// Called before the store is read.
    func look() -> Look {
        Look(changes: signal.count, wall: clock.now(), uptime: clock.uptime())
    }

    /// - Parameter time: the time of the next work, according to the store; nil waits for a change alone.
    func wait(for topic: ChangeSignal.Topic, after look: Look, until time: Timestamp?) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await signal.change(of: topic, after: look.changes) }
            if let time {
                // Canceled if the change comes first; then the time does not matter.
                group.addTask { try? await clock.sleep(until: time) }
                // If somebody has set the wall clock since the look, the time would be reached too early or too late.
                let left = time - look.wall - (clock.uptime() - look.uptime)
                group.addTask { try? await clock.sleep(for: max(left, .zero)) }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
