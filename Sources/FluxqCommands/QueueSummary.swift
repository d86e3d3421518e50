import FluxqControl
import FluxqModel

/// How the queue is doing: what stops it and what to do about that, then the caller's part in it.
struct QueueSummary {
    let queue: QueueDocument

    func lines(_ presentation: Presentation) -> [String] {
        let palette = presentation.palette
        var result: [String] = []
        if let paused = queue.paused {
            result.append(
                palette("The queue is paused", .bad)
                    + " by \(TerminalText.line(paused.by)) (uid \(paused.uid)) since \(presentation.fullMoment(paused.since)). "
                    + "Jobs are taken and wait; "
                    + "they go on when an administrator says: fluxq resume")
        }
        if let held = queue.held {
            result.append(palette(Self.cause(held.cause), .bad) + " since \(presentation.fullMoment(held.since)):")
            result += TerminalText.lines(held.message).map { "  \($0)" }
            result.append(
                "Jobs stay queued. \(Self.tries(held.probes ?? 0))fluxq tries again by itself, next "
                    + "\(presentation.fullMoment(held.nextProbeAt)). " + Self.remedy(held.cause))
        }
        if let short = queue.short {
            result.append(palette("The disk is full", .bad) + " since \(presentation.fullMoment(short.since)):")
            result += TerminalText.lines(short.message).map { "  \($0)" }
        }
        if let until = queue.rateLimitedUntil, until.timestamp > presentation.now {
            result.append(
                palette("The API asked for patience", .waiting) + " until \(presentation.fullMoment(until)). "
                    + "Jobs stay queued and go on by themselves.")
        }
        if result.isEmpty { result.append(palette("The queue is running.", .good)) }
        let counts = queue.counts
        let images = queue.usage.imagesToday
        let left = queue.usage.limits[LimitKind.imagesPerDay.rawValue]?.left.map { ", \(Int64($0)) left" } ?? ""
        result.append(
            "Your jobs: \(counts.queued) queued, \(counts.running) running, \(counts.done) done, "
                + "\(counts.failed) failed; \(images) \(images == 1 ? "picture" : "pictures") bought today "
                + "(since 00:00 UTC)\(left)."
        )
        return result
    }

    private static func tries(_ probes: Int) -> String {
        switch probes {
        case 0: ""
        case 1: "It has been tried once since then. "
        default: "It has been tried \(probes) times since then. "
        }
    }

    private static func cause(_ cause: String) -> String {
        switch QueueGate.HoldCause(rawValue: cause) {
        case .unreachable: "The API cannot be reached"
        case .account: "The API refuses the account"
        case nil: "The queue is held (\(TerminalText.line(cause)))"
        }
    }

    private static func remedy(_ cause: String) -> String {
        switch QueueGate.HoldCause(rawValue: cause) {
        case .unreachable: "If it lasts, ask the administrator to look at the network and at api.base_url."
        case .account: "The administrator has to look at the API key and the account's money and limits."
        case nil: "If it lasts, ask the administrator."
        }
    }
}
