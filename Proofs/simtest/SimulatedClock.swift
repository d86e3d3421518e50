import FluxqModel
import FluxqWorkers

/// A clock that stands still until the simulation moves it: the time that truly passes, and a wall clock that can be set wrong.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedClock: WorkClock, @unchecked Sendable {
    private enum End {
        /// The wall clock's word, as `SystemClock` reads it: again after at most five minutes, and at the latest when so much
        /// time has truly passed as there was left at first.
        case wall(Timestamp, atLatest: Int64)
        case elapsed(Int64)
    }

    private struct Sleeper {
        let number: Int
        let end: End
        /// How wrong the wall clock was when the sleep began.
        let error: Int64
        var begun: Int64
        /// When it looks at the clock again.
        var checkAt: Int64
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// As `SystemClock`'s longest uninterrupted sleep: how late a wall clock that was set is noticed.
    static let longestSleep: Int64 = 300_000
    /// As `SystemClock`'s: by so much a wall clock may be set without being noticed.
    private static let correction: Int64 = 1000
    private static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)

    /// Milliseconds since the seed's beginning.
    private(set) var elapsed: Int64 = 0
    /// How wrong the wall clock is, in milliseconds.
    private(set) var error: Int64 = 0
    /// Planted: how late a sleep by the wall clock ends.
    private let oversleep: Duration
    private var sleepers: [Sleeper] = []
    private var lastSleeper = 0

    init(oversleep: Duration = .zero) {
        self.oversleep = oversleep
    }

    func now() -> Timestamp { trueTime + .milliseconds(error) }

    /// What the API's clock shows.
    var trueTime: Timestamp { Self.start + .milliseconds(elapsed) }

    /// When the wall clock will show that, should nobody set it.
    func elapsed(at wall: Timestamp) -> Int64 { wall.rawValue - Self.start.rawValue - error }

    func sleep(until time: Timestamp) async throws {
        if now() < time { try await sleep(to: wall(time + oversleep)) }
    }

    private func wall(_ time: Timestamp) -> End { .wall(time, atLatest: elapsed(at: time)) }

    /// The time that truly passes.
    func uptime() -> Duration { .milliseconds(elapsed) }

    func sleep(for duration: Duration) async throws {
        try await sleep(to: .elapsed(elapsed + duration.milliseconds))
    }

    /// When the next sleeper wakes.
    var nextWake: Int64? { sleepers.map(\.checkAt).min() }

    func advance(to time: Int64) {
        elapsed = max(elapsed, time)
        for sleeper in sleepers where sleeper.checkAt <= elapsed {
            guard let index = sleepers.firstIndex(where: { $0.number == sleeper.number }) else { continue }
            let checkAt = checkAt(of: sleeper.end)
            // `SystemClock` too looks no further once somebody has set the wall clock.
            let isSet = if case .wall = sleeper.end { abs(error - sleeper.error) > Self.correction } else { false }
            if checkAt > elapsed && !isSet {
                (sleepers[index].begun, sleepers[index].checkAt) = (elapsed, checkAt)
            } else {
                sleepers.remove(at: index).continuation.resume()
            }
        }
    }

    /// Somebody sets the wall clock.
    func set(wrongBy milliseconds: Int64) {
        error = milliseconds
        for index in sleepers.indices {
            let slept = elapsed - sleepers[index].begun
            let look = sleepers[index].begun + (slept / Self.longestSleep + 1) * Self.longestSleep
            sleepers[index].checkAt = min(sleepers[index].checkAt, look)
        }
    }

    private func checkAt(of end: End) -> Int64 {
        switch end {
        case .wall(let time, let atLatest): min(elapsed(at: time), atLatest)
        case .elapsed(let time): time
        }
    }

    private func sleep(to end: End) async throws {
        lastSleeper += 1
        let number = lastSleeper
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                sleepers.append(
                    Sleeper(
                        number: number, end: end, error: error, begun: elapsed, checkAt: checkAt(of: end), continuation: continuation)
                )
            }
        } onCancel: {
            guard let index = sleepers.firstIndex(where: { $0.number == number }) else { return }
            sleepers.remove(at: index).continuation.resume(throwing: CancellationError())
        }
    }
}
