import FluxqControl

/// A request that nobody has read, or whose repetition changes nothing.
struct Untaken: Error {
    /// What is said of it in the end.
    let error: ControlClientError
    /// Whether it may have been done.
    let isDoubtful: Bool
}

extension ControlClient {
    /// When a person wants to know why nothing happens.
    private static let moment = Duration.seconds(1)
    /// How long one try waits in a full backlog: in between it is told that it waits.
    private static let longestTry = Duration.seconds(2)

    /// Tries until it works, fails for good, or patience is over; nothing is sent before the daemon takes it.
    ///
    /// - Parameter attempt: is given how long it may wait for a place.
    func waitingItsTurn<Result>(_ attempt: (Duration) async throws -> Result) async throws -> Result {
        let began = ContinuousClock.now
        var pause = GrowingPause()
        // Whatever comes after it, what may have been done is what has to be told.
        var doubt: ControlClientError?
        while true {
            let waited = began.duration(to: .now)
            let refusal: ControlClientError
            do {
                return try await attempt(min(max(patience.busy - waited, .zero), Self.longestTry))
            } catch let untaken as Untaken {
                refusal = untaken.error
                if untaken.isDoubtful { doubt = refusal }
            } catch let error as ControlClientError where error.isPassing {
                refusal = error
            }
            let most = refusal.isOfNobody ? socket.directoryIsThere ? patience.away : .zero : patience.busy
            guard began.duration(to: .now) < most else { throw doubt ?? refusal }
            if waited > Self.moment, !hasToldOfWaiting {
                hasToldOfWaiting = true
                isWaiting(refusal)
            }
            try await Task.sleep(for: pause.take())
        }
    }

    /// The connection; a new one if there is none.
    func connected(patience: Duration) async throws -> ControlConnection {
        if let connection { return connection }
        try socket.check()
        let opened = try await ControlConnection.open(socket, patience: patience)
        connection = opened
        return opened
    }

    func disconnect() async {
        await connection?.close()
        connection = nil
    }
}

extension ControlClientError {
    /// What a daemon looks like that has no place for one more connection, or for one more upload beside those on their way.
    package var isBusy: Bool {
        switch self {
        case .noDaemon(_, .busy): true
        case .problem(let problem):
            problem.code == .overLimit && (problem.status == 503 || problem.limit?.onTheWay != nil)
        default: false
        }
    }

    /// There is no socket.
    fileprivate var isOfNobody: Bool {
        if case .noDaemon(_, .missing) = self { true } else { false }
    }

    /// Of connecting: another try may find it otherwise.
    fileprivate var isPassing: Bool {
        if case .noDaemon(_, .nobodyListening) = self { return true }
        return isBusy || isOfNobody
    }
}
