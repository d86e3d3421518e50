import FluxqControl
import FluxqModel

/// Why a lane does not run: since when, what to do about it, and when it is tried again.
struct LaneSummary {
    let lane: LaneDocument

    /// Empty for a running lane.
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
        let next = lane.nextProbeAt.map { ", next \(presentation.fullMoment($0))" } ?? ""
        lines.append("Jobs stay queued. \(tries)fluxq tries again automatically\(next). \(remedy)")
        return lines
    }

    private func rateLimited(_ presentation: Presentation) -> [String] {
        guard let until = lane.until, until.timestamp > presentation.now else { return [] }
        return [
            presentation.palette("\(name): The API is rate-limiting requests", .waiting)
                + " until \(presentation.fullMoment(until)). Jobs stay queued and continue automatically."
        ]
    }

    private var tries: String {
        switch lane.probes ?? 0 {
        case 0: ""
        case 1: "fluxq has tried once since then. "
        case let probes: "fluxq has tried \(probes) times since then. "
        }
    }

    private var holdCause: LaneGate.HoldCause? { lane.cause.flatMap(LaneGate.HoldCause.init(rawValue:)) }

    private var cause: String {
        switch holdCause {
        case .unreachable: "The API cannot be reached"
        case .account: "The API rejects the account"
        case .wrongAddress: "The server that answers is not the API"
        case .failing: "Calls to the API fail"
        case .undeliverable: "Pictures cannot be downloaded"
        case nil: "Calls are held (\(TerminalText.line(lane.cause ?? "")))"
        }
    }

    /// The configuration key that holds the API's address.
    private var address: String {
        lane.endpoint == Lane.defaultEndpoint
            ? "api.base_url" : "endpoints.\(TerminalText.line(lane.endpoint)).base_url"
    }

    private var remedy: String {
        switch holdCause {
        case .unreachable: "If this continues, ask the administrator to check the network and \(address)."
        case .account: "The administrator must check the API key, and the account's balance and limits."
        case .wrongAddress:
            "The administrator must check \(address) and any proxy between this host and the API."
        case .failing:
            "If this continues, ask the API's operator. To list the failed jobs: fluxq list --state failed"
        case .undeliverable:
            "fluxq buys nothing more until a download succeeds. It retries downloads, which costs nothing. The "
                + "administrator must check the network and downloads.trusted_hosts."
        case nil: "If this continues, ask the administrator."
        }
    }
}
