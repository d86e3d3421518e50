import FluxqModel
import FluxqWorkers

/// A clock that stands still until the simulation moves it. It has the elapsed time and a wall clock that can be set
/// wrong.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class SimulatedClock: WorkClock, @unchecked Sendable {
    private enum End {
        /// A time of the wall clock, read as `SystemClock` reads it: again after at most five minutes. The sleep ends
        /// at the latest when the initially remaining time has really passed.
        case wall(Timestamp, atLatest: Int64)
        case elapsed(Int64)
    }

    private struct Sleeper {
        let number: Int
        let end: End
        /// The error of the wall clock when the sleep began.
        let error: Int64
        var begun: Int64
        /// The time when it looks at the clock again.
        var checkAt: Int64
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// As `SystemClock`'s longest uninterrupted sleep: the maximum time until a change of the wall clock is noticed.
    static let longestSleep: Int64 = 300_000
    /// As `SystemClock`'s: the change of the wall clock that is not noticed.
    private static let correction: Int64 = 1000
    private static let start = Timestamp(secondsSinceEpoch: 1_750_000_000)

    /// Milliseconds since the start of the seed.
    private(set) var elapsed: Int64 = 0
    /// The error of the wall clock, in milliseconds.
    private(set) var error: Int64 = 0
    /// A planted defect: the delay with which a sleep by the wall clock ends.
    private let oversleep: Duration
    private var sleepers: [Sleeper] = []
    private var lastSleeper = 0

    init(oversleep: Duration = .zero) {
        self.oversleep = oversleep
    }

    func now() -> Timestamp { trueTime + .milliseconds(error) }

    /// The time of the API's clock.
    var trueTime: Timestamp { Self.start + .milliseconds(elapsed) }

    /// The elapsed time at which the wall clock will show that time, unless it is set.
    func elapsed(at wall: Timestamp) -> Int64 { wall.rawValue - Self.start.rawValue - error }

    func sleep(until time: Timestamp) async throws {
        if now() < time { try await sleep(to: wall(time + oversleep)) }
    }

    private func wall(_ time: Timestamp) -> End { .wall(time, atLatest: elapsed(at: time)) }

    /// The elapsed time, independent of the wall clock.
    func uptime() -> Duration { .milliseconds(elapsed) }

    func sleep(for duration: Duration) async throws {
        try await sleep(to: .elapsed(elapsed + duration.milliseconds))
    }

    /// The time when the next sleeper wakes.
    var nextWake: Int64? { sleepers.map(\.checkAt).min() }

    func advance(to time: Int64) {
        elapsed = max(elapsed, time)
        for sleeper in sleepers where sleeper.checkAt <= elapsed {
            guard let index = sleepers.firstIndex(where: { $0.number == sleeper.number }) else { continue }
            let checkAt = checkAt(of: sleeper.end)
            // `SystemClock` also ends the sleep if the wall clock was set.
            let isSet = if case .wall = sleeper.end { abs(error - sleeper.error) > Self.correction } else { false }
            if checkAt > elapsed && !isSet {
                (sleepers[index].begun, sleepers[index].checkAt) = (elapsed, checkAt)
            } else {
                sleepers.remove(at: index).continuation.resume()
            }
        }
    }

    /// Sets the wall clock.
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
                        number: number, end: end, error: error, begun: elapsed, checkAt: checkAt(of: end),
                        continuation: continuation)
                )
            }
        } onCancel: {
            guard let index = sleepers.firstIndex(where: { $0.number == number }) else { return }
            sleepers.remove(at: index).continuation.resume(throwing: CancellationError())
        }
    }
}
