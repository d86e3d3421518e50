import FluxqControlServer
package import FluxqModel
package import FluxqStore
import Synchronization

/// The clients that wait for jobs of the OpenAI-compatible routes, and the jobs that nobody waits for any more.
///
/// A client's request is admitted to one job: its own, or that of an earlier, identical request (`RequestMatch`). While
/// it waits for the answer or receives it, it attends the job. A job that is still queued when its last client has left
/// is kept for a while, because the client may send its request again, and is then canceled: it has cost nothing.
package final class WaitingRoom: Sendable {
    /// Held while a client waits for a job's answer or receives it.
    package final class Seat: Sendable {
        package let job: JobID
        private let uid: UInt32
        /// True if an earlier request made the job.
        package let isJoined: Bool
        /// Whether the client is still connected, as far as the kernel knows.
        fileprivate let isThere: @Sendable () async -> Bool
        private let room: WaitingRoom

        fileprivate init(
            job: JobID, uid: UInt32, isJoined: Bool, room: WaitingRoom,
            isThere: @escaping @Sendable () async -> Bool
        ) {
            self.job = job
            self.uid = uid
            self.isJoined = isJoined
            self.room = room
            self.isThere = isThere
        }

        /// The client's answer was sent, or its client has left. Does nothing the second time.
        package func leave() { room.left(job, of: uid, ObjectIdentifier(self)) }

        deinit { room.left(job, of: uid, ObjectIdentifier(self)) }
    }

    private struct WeakSeat {
        weak var seat: Seat?
    }

    /// A job whose last client has left.
    private struct LeftJob {
        let uid: UInt32
        /// When it is to be canceled.
        var due: Duration
    }

    private struct State {
        var seats: [JobID: [ObjectIdentifier: WeakSeat]] = [:]
        var left: [JobID: LeftJob] = [:]
        /// Requests that wait until a client which is no longer connected has left its seat.
        var departures: [ObjectIdentifier: [CheckedContinuation<Void, Never>]] = [:]
        var departuresSoFar = 0
        /// The task that cancels jobs, while it waits for the next departure.
        var waiter: CheckedContinuation<Void, Never>?
        var hasFoundLeft = false
    }

    /// How long a queued job is kept after its last client has left.
    package static let patience = Duration.seconds(60)
    private static let pauseAfterFailure = Duration.seconds(5)

    private let store: Store
    private let patience: Duration
    /// The time since any fixed moment.
    private let elapsed: @Sendable () -> Duration
    private let sleep: @Sendable (Duration) async throws -> Void
    private let state = Mutex(State())
    /// Two identical requests at the same time must not both find no job, and a job must not be canceled while a request
    /// is admitted to it.
    private let perUserLock = PerUserLock()

    /// - Parameter sleep: throws if the task is canceled.
    package init(
        store: Store, patience: Duration = WaitingRoom.patience, elapsed: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.store = store
        self.patience = patience
        self.elapsed = elapsed
        self.sleep = sleep
    }

    /// The result of asking for a job.
    package enum Admission: Sendable {
        case seated(Seat)
        /// No job was made, for that reason.
        case refused(Store.Submission)
    }

    /// Admits a request to the job of an earlier, identical one, or else to a job that it makes.
    ///
    /// - Parameters:
    ///   - fingerprint: nil if no other request can be identical.
    ///   - age: how long ago an earlier job may have ended.
    ///   - isAwaited: false if the client does not wait for the answer.
    ///   - isThere: whether the request's client is still connected, as far as the kernel knows.
    ///   - submit: makes the job; called only if there is no earlier one.
    package func admit(
        _ wish: RequestMatch.Wish, fingerprint: ContentHash?, of user: User, age: Duration, isAwaited: Bool,
        isThere: @escaping @Sendable () async -> Bool, submit: () async throws -> Store.Submission
    ) async throws -> Admission {
        try await perUserLock.take(user.uid) {
            if let fingerprint {
                let (jobs, attended) = try await identicalJobs(fingerprint, of: user.uid, age: age)
                var wish = wish
                // Its client may have sent the request again already, and that one may have come first: a job of its own
                // would have nobody to wait for it.
                if !(await isThere()) { wish.isRetry = true }
                if let found = RequestMatch.job(for: wish, among: jobs, isAttended: attended.contains) {
                    let seat = seat(at: found.id, of: user.uid, isJoined: true, isThere)
                    try await store.noteJoin(of: found.id, by: user, isAwaited: isAwaited)
                    return .seated(seat)
                }
            }
            switch try await submit() {
            case .created(let job): return .seated(seat(at: job.id, of: user.uid, isJoined: false, isThere))
            case .existing(let job): return .seated(seat(at: job.id, of: user.uid, isJoined: true, isThere))
            case let refusal: return .refused(refusal)
            }
        }
    }

    /// The jobs of identical requests, newest first, and those of them that a client attends.
    private func identicalJobs(
        _ fingerprint: ContentHash, of uid: UInt32, age: Duration
    ) async throws(StoreError) -> (jobs: [DoorJob], attended: Set<JobID>) {
        while true {
            let before = state.withLock { Set($0.seats.keys) }
            let jobs = try await store.doorJobs(fingerprint, of: uid, age: age)
            let wasAbsent = await departAbsent(from: jobs.map(\.id))
            let attended = Set(jobs.map(\.id).filter(isAttended))
            // Whether an answer was delivered is known once its client has left.
            let hasLeft = jobs.contains { before.contains($0.id) && !attended.contains($0.id) }
            if !wasAbsent, !hasLeft { return (jobs, attended) }
        }
    }

    /// Seats a client that asks for a job of its user by its number.
    package func attend(_ job: JobID, of uid: UInt32, isThere: @escaping @Sendable () async -> Bool) -> Seat {
        seat(at: job, of: uid, isJoined: true, isThere)
    }

    package func isAttended(_ job: JobID) -> Bool {
        state.withLock { $0.seats[job]?.values.contains { $0.seat != nil } ?? false }
    }

    /// Cancels jobs that are due, until the task is canceled.
    ///
    /// - Parameter failed: called if the store fails; it is tried again.
    package func run(failed: @Sendable (StoreError) -> Void) async {
        while !Task.isCancelled {
            let seen = state.withLock { $0.departuresSoFar }
            var pause: Duration?
            do throws(StoreError) {
                try await findLeft()
                try await cancelDue()
                pause = state.withLock { $0.left.values.map(\.due).min() }.map { max($0 - elapsed(), .zero) }
            } catch {
                failed(error)
                pause = Self.pauseAfterFailure
            }
            await wait(for: pause, orDepartureAfter: seen)
        }
    }

    /// Finds, once, the jobs whose clients were waiting when an earlier process ended.
    private func findLeft() async throws(StoreError) {
        guard !state.withLock({ $0.hasFoundLeft }) else { return }
        for (job, uid) in try await store.leftDoorJobs() where !isAttended(job) { noteLeft(job, of: uid) }
        state.withLock { $0.hasFoundLeft = true }
    }

    private func wait(for pause: Duration?, orDepartureAfter seen: Int) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.departure(after: seen) }
            if let pause {
                // Canceled if a departure came first.
                group.addTask { [sleep] in try? await sleep(pause) }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Cancels the jobs that nobody has waited for long enough.
    package func cancelDue() async throws(StoreError) {
        let now = elapsed()
        let due = state.withLock { state in state.left.filter { $0.value.due <= now } }
        for (job, left) in due {
            try await perUserLock.take(left.uid) { () async throws(StoreError) in
                try await cancel(job, at: now)
            }
        }
    }

    private func cancel(_ job: JobID, at now: Duration) async throws(StoreError) {
        guard !isAttended(job) else { return state.withLock { $0.left[job] = nil } }
        switch try await store.abandon(job, after: patience) {
        // A call that has begun keeps its result; if it is not billed, the job is queued again.
        case .running: state.withLock { $0.left[job]?.due = now + patience }
        case .canceled, .ended, .stays: state.withLock { $0.left[job] = nil }
        }
    }

    private func seat(
        at job: JobID, of uid: UInt32, isJoined: Bool, _ isThere: @escaping @Sendable () async -> Bool
    ) -> Seat {
        let seat = Seat(job: job, uid: uid, isJoined: isJoined, room: self, isThere: isThere)
        state.withLock { state in
            state.seats[job, default: [:]][ObjectIdentifier(seat)] = WeakSeat(seat: seat)
            state.left[job] = nil
        }
        return seat
    }

    /// A client may have disconnected and sent its request again before its connection's task knows. That task leaves the
    /// seat as soon as it has noted whether the answer was delivered.
    ///
    /// - Returns: true if there was such a client.
    private func departAbsent(from jobs: [JobID]) async -> Bool {
        // Without a reference to the seats, which would keep them.
        let seats = state.withLock { state in
            jobs.flatMap { job in
                state.seats[job]?.compactMap { id, seat in seat.seat.map { (id: id, isThere: $0.isThere) } } ?? []
            }
        }
        var wasAbsent = false
        for seat in seats where !(await seat.isThere()) {
            wasAbsent = true
            await departure(of: seat.id)
        }
        return wasAbsent
    }

    /// Returns once nobody waits for the job's answer or is receiving it.
    func isLeft(_ job: JobID) async {
        while let seat = state.withLock({ $0.seats[job]?.keys.first }) { await departure(of: seat) }
    }

    private func departure(of seat: ObjectIdentifier) async {
        await withCheckedContinuation { continuation in
            let isGone = state.withLock { state in
                guard state.seats.values.contains(where: { $0[seat] != nil }) else { return true }
                state.departures[seat, default: []].append(continuation)
                return false
            }
            if isGone { continuation.resume() }
        }
    }

    private func left(_ job: JobID, of uid: UInt32, _ seat: ObjectIdentifier) {
        let (isLast, waiting) = state.withLock { state in
            guard state.seats[job]?.removeValue(forKey: seat) != nil else {
                return (false, [CheckedContinuation<Void, Never>]())
            }
            let isLast = state.seats[job]?.isEmpty == true
            if isLast { state.seats[job] = nil }
            return (isLast, state.departures.removeValue(forKey: seat) ?? [])
        }
        if isLast { noteLeft(job, of: uid) }
        for continuation in waiting { continuation.resume() }
    }

    private func noteLeft(_ job: JobID, of uid: UInt32) {
        let due = elapsed() + patience
        state.withLock { state in
            state.left[job] = LeftJob(uid: uid, due: due)
            state.departuresSoFar += 1
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    /// Returns when another job was left, or the task is canceled.
    private func departure(after seen: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if Task.isCancelled || state.departuresSoFar > seen { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }?.resume()
        }
    }
}
