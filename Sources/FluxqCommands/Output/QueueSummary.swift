import FluxqControl
import FluxqModel

/// The state of the queue: what stops it and what to do about that, then the caller's own jobs.
struct QueueSummary {
    let queue: QueueDocument

    func lines(_ presentation: Presentation) -> [String] {
        let palette = presentation.palette
        var result: [String] = []
        if let paused = queue.paused {
            result.append(
                palette("The queue is paused", .bad)
                    + " by \(TerminalText.line(paused.by)) (uid \(paused.uid)) since \(presentation.fullMoment(paused.since)). "
                    + "Jobs are accepted and wait; "
                    + "they continue when an administrator runs: fluxq resume")
        }
        if let short = queue.short {
            result.append(palette("The disk is full", .bad) + " since \(presentation.fullMoment(short.since)):")
            result += TerminalText.lines(short.message).map { "  \($0)" }
        }
        for lane in queue.lanes { result += LaneSummary(lane: lane).lines(presentation) }
        if result.isEmpty { result.append(palette("The queue is running.", .good)) }
        for warning in queue.warnings ?? [] {
            result.append(palette("Warning:", .bad) + " \(TerminalText.line(warning))")
        }
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
}
