import FluxqControl
import FluxqModel

/// Why a lane is not simply running: since when, what to do about it, and when it is tried again.
struct LaneSummary {
    let lane: LaneDocument

    /// Empty for a lane that runs.
    func lines(_ presentation: Presentation) -> [String] {
        switch LaneDocument.State(rawValue: lane.state) {
        case .running: []
        case .held: held(presentation)
        case .rateLimited: rateLimited(presentation)
        case .notOffered, nil:
            [presentation.palette("\(name): \(lane.state)", .bad)]
                + TerminalText.lines(lane.message ?? "").map { "  \($0)" }
        }
    }

    private var name: String { TerminalText.line("\(lane.model) at \(lane.endpoint)") }

    private func held(_ presentation: Presentation) -> [String] {
        let since = lane.since.map { " since \(presentation.fullMoment($0))" } ?? ""
        let whom = lane.someUsersOnly == true ? " for some users only, because calls of others work," : ""
        var lines = [presentation.palette("\(name): \(cause)", .bad) + "\(whom)\(since):"]
        lines += TerminalText.lines(lane.message ?? "").map { "  \($0)" }
        let next = lane.nextProbeAt.map { " next \(presentation.fullMoment($0))." } ?? ""
        lines.append("Jobs stay queued. \(tries)fluxq tries again by itself,\(next) \(remedy)")
        return lines
    }

    private func rateLimited(_ presentation: Presentation) -> [String] {
        guard let until = lane.until, until.timestamp > presentation.now else { return [] }
        return [
            presentation.palette("\(name): The API asked for patience", .waiting)
                + " until \(presentation.fullMoment(until)). Jobs stay queued and go on by themselves."
        ]
    }

    private var tries: String {
        switch lane.probes ?? 0 {
        case 0: ""
        case 1: "It has been tried once since then. "
        case let probes: "It has been tried \(probes) times since then. "
        }
    }

    private var holdCause: LaneGate.HoldCause? { lane.cause.flatMap(LaneGate.HoldCause.init(rawValue:)) }

    private var cause: String {
        switch holdCause {
        case .unreachable: "The API cannot be reached"
        case .account: "The API refuses the account"
        case .wrongAddress: "What answers is not the API"
        case .failing: "The API's calls fail"
        case .undeliverable: "Pictures cannot be downloaded"
        case nil: "Calls are held (\(TerminalText.line(lane.cause ?? "")))"
        }
    }

    /// The key of the configuration that says where the API is.
    private var address: String {
        lane.endpoint == Lane.defaultEndpoint
            ? "api.base_url" : "endpoints.\(TerminalText.line(lane.endpoint)).base_url"
    }

    private var remedy: String {
        switch holdCause {
        case .unreachable: "If it lasts, ask the administrator to look at the network and at \(address)."
        case .account: "The administrator has to look at the API key and the account's money and limits."
        case .wrongAddress:
            "The administrator has to look at \(address), and at what stands between this host and the API."
        case .failing:
            "If it lasts, the API's operator can tell why; which jobs failed shows: fluxq list --state failed"
        case .undeliverable:
            "Nothing more is bought until one can be, and downloads are tried again, which costs nothing. The administrator has "
                + "to look at the network and at downloads.trusted_hosts."
        case nil: "If it lasts, ask the administrator."
        }
    }
}
