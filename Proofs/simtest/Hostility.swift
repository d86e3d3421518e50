/// The way in which every call of an impossible job ends, while other jobs are served.
enum Hostility: String, CaseIterable, Sendable {
    case refused, moderated, rejected, rateLimited, patientlyRateLimited, uploadReset, lost, gateway, serverError, empty
    case junk, deadLinks, wrongAddress, webPage

    var plan: SimulatedCall.Plan {
        switch self {
        case .refused: .refused(403, code: "forbidden")
        case .moderated: .moderated
        case .rejected: .rejected
        case .rateLimited: .tooMany(.seconds(20))
        case .patientlyRateLimited: .tooMany(.seconds(3600))
        case .uploadReset: .uploadFails
        case .lost: .lostUnbilled
        case .gateway: .gatewayFails(502)
        case .serverError: .serverError
        case .empty: .nothing
        case .junk: .junk
        case .deadLinks: .deadLinks
        case .wrongAddress: .wrongAddress(404)
        case .webPage: .webPage
        }
    }
}
