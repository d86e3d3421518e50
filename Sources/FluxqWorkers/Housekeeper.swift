import FluxqArchive
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle

/// Forgets what nobody uses: inputs that no job took, and old events.
struct Housekeeper: Sendable {
    /// Content is removed only when its file is older than that: a younger one may belong to a row that is being written.
    private static let contentGrace = Duration.seconds(3600)
    private static let eventRound = Duration.seconds(24 * 3600)

    let parts: Workers.Parts

    /// Runs until the task is canceled or the daemon shuts down.
    func run() async {
        let wakeup = Wakeup(signal: parts.store.signal, clock: parts.clock)
        var lastRound = parts.clock.uptime()
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let look = wakeup.look()
            var next = parts.clock.now() + Self.eventRound
            do {
                let uptime = parts.clock.uptime()
                let time = try await parts.store.keepHouse(elapsed: uptime - lastRound)
                lastRound = uptime
                // By so much the wall clock may be wrong, and with it the age of a file.
                let doubt = parts.clock.now() - time
                while case let unused = try await parts.store.expireInputs(at: time), !unused.isEmpty {
                    CrashPoint.inputForgotten.pass()
                    for hash in unused {
                        _ = try await parts.archive.remove(hash, olderThan: Self.contentGrace + doubt)
                    }
                }
                while try await parts.store.pruneEvents(at: time) > 0 {}
                if let expiry = try await parts.store.nextInputExpiry() {
                    next = min(next, parts.clock.now() + max(expiry - time, .seconds(1)))
                }
            } catch {
                parts.logger.failure("cannot forget what is not used any more", error)
                next = parts.clock.now() + parts.settings.current.storeRetryPause
            }
            await wakeup.wait(for: .inputs, after: look, until: next)
        }
    }
}
