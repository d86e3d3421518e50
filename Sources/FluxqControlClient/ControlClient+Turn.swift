import FluxqControl

/// A request that can be resent: the daemon has not read it, or repeating it changes nothing.
struct Untaken: Error {
    /// The error to report if it is not resent.
    let error: ControlClientError
    /// True if the request may have been executed.
    let isDoubtful: Bool
}

extension ControlClient {
    /// The wait after which a person wants to know why nothing happens.
    private static let moment = Duration.seconds(1)
    /// The longest wait of one attempt in a full backlog. The caller is told about the wait between attempts.
    private static let longestTry = Duration.seconds(2)

    /// Retries until the attempt succeeds, fails for good, or the patience is over. Nothing is sent before the daemon
    /// accepts it.
    ///
    /// - Parameter attempt: gets the time that it may wait in a full backlog.
    func waitingItsTurn<Result>(_ attempt: (Duration) async throws -> Result) async throws -> Result {
        let began = ContinuousClock.now
        var pause = GrowingPause()
        // If a request may have been executed, that is reported, whatever fails after it.
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
    /// True if the daemon has no room for another connection, or for another upload besides those in progress.
    package var isBusy: Bool {
        switch self {
        case .noDaemon(_, .busy): true
        case .problem(let problem):
            problem.code == .overLimit && (problem.status == 503 || problem.limit?.onTheWay != nil)
        default: false
        }
    }

    /// True if there is no socket.
    fileprivate var isOfNobody: Bool {
        if case .noDaemon(_, .missing) = self { true } else { false }
    }

    /// True for a failure to connect that a retry may not meet.
    fileprivate var isPassing: Bool {
        if case .noDaemon(_, .nobodyListening) = self { return true }
        return isBusy || isOfNobody
    }
}
