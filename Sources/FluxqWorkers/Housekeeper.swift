import FluxqArchive
import FluxqHost
import FluxqModel
import FluxqStore
import Logging
import ServiceLifecycle

/// Deletes unused data: inputs that no job has used, old jobs and old events.
struct Housekeeper: Sendable {
    /// Content is removed only if its file is older than this: a younger one may belong to a row that is being written.
    private static let contentGrace = Duration.seconds(3600)
    private static let eventRound = Duration.seconds(24 * 3600)
    /// The time between two passes over all ended jobs, and between two over the content of deleted ones.
    private static let retentionRound = Duration.seconds(3600)
    private static let contentRound = Duration.seconds(60)

    /// The next times, by the uptime clock, of work that is limited in frequency.
    private struct Rounds {
        var nextRetention = Duration.zero
        var nextContent = Duration.zero
    }

    let parts: Workers.Parts

    /// Runs until the task is canceled or the daemon shuts down.
    func run() async {
        let wakeup = Wakeup(signal: parts.store.signal, clock: parts.clock)
        var trust = ClockTrust(
            wall: parts.clock.now(), uptime: parts.clock.uptime(),
            probation: parts.settings.current.clockProbation)
        var rounds = Rounds()
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let look = wakeup.look()
            let next: Timestamp
            if let wait = trust.look(wall: parts.clock.now(), uptime: parts.clock.uptime()) {
                next = parts.clock.now() + wait
            } else {
                next = await advanceRounds(&rounds)
            }
            await wakeup.wait(for: .inputs, after: look, until: next)
        }
    }

    /// - Returns: the time of the next pass.
    private func advanceRounds(_ rounds: inout Rounds) async -> Timestamp {
        var next = parts.clock.now() + Self.eventRound
        do {
            while case let unused = try await parts.store.expireInputs(), !unused.isEmpty {
                CrashPoint.inputForgotten.pass()
                for hash in unused { await remove(hash) }
            }
            if !parts.store.keepsForEver {
                if parts.clock.uptime() >= rounds.nextRetention {
                    try await forgetOldJobs()
                    rounds.nextRetention = parts.clock.uptime() + Self.retentionRound
                }
                next = min(next, parts.clock.now() + (rounds.nextRetention - parts.clock.uptime()))
            }
            if parts.clock.uptime() >= rounds.nextContent {
                rounds.nextContent =
                    parts.clock.uptime() + (try await removeLeftContent() ? Self.contentGrace : Self.contentRound)
            }
            if try await parts.store.leftContent(after: nil, limit: 1).isEmpty == false {
                next = min(next, parts.clock.now() + max(rounds.nextContent - parts.clock.uptime(), .seconds(1)))
            }
            while try await parts.store.pruneEvents() > 0 {}
            if let expiry = try await parts.store.nextInputExpiry() {
                next = min(next, max(expiry, parts.clock.now() + .seconds(1)))
            }
        } catch {
            parts.logger.failure("cannot remove unused inputs", error)
            next = parts.clock.now() + parts.settings.current.storeRetryPause
        }
        return next
    }

    private func forgetOldJobs() async throws {
        var last: JobID?
        repeat {
            last = try await parts.store.forgetOldJobs(after: last)
        } while last != nil && !Task.isCancelled && !Task.isShuttingDownGracefully
    }

    /// Removes files to which only deleted jobs referred.
    ///
    /// - Returns: true if some are too young to be removed.
    private func removeLeftContent() async throws -> Bool {
        var areLeft = false
        var last: ContentHash?
        while case let left = try await parts.store.leftContent(after: last), !left.isEmpty {
            var removed: [ContentHash] = []
            for hash in left {
                await remove(hash)
                if await isThere(hash) { areLeft = true } else { removed.append(hash) }
            }
            try await parts.store.settleContent(removed)
            last = left.last
        }
        return areLeft
    }

    private func isThere(_ hash: ContentHash) async -> Bool {
        do throws(ArchiveError) {
            _ = try await parts.archive.open(hash)
            return true
        } catch .missing {
            return false
        } catch {
            return true
        }
    }

    /// Removes a file. A file that cannot be removed stays, and the others are still removed.
    private func remove(_ hash: ContentHash) async {
        do {
            _ = try await parts.archive.remove(hash, olderThan: Self.contentGrace)
        } catch {
            parts.logger.failure("cannot remove unused files", error, ["content": "\(hash)"])
        }
    }
}
