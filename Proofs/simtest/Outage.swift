/// An outage of a lane, for all callers: at least one for every row of the table of holds.
enum Outage: String, CaseIterable, Sendable {
    case connectionRefused, noNetwork
    case keyRefused, unpaid, forbidden, spendCap
    case redirect, missing, portal, webPage
    case badGateway, gatewayTimeout, internalError, hangUp, empty, junk
    case deadLinks

    /// The cause for which a lane is held.
    enum Row: String, Sendable {
        case account, unreachable, wrongAddress, failing, undeliverable
    }

    var row: Row {
        switch self {
        case .connectionRefused, .noNetwork: .unreachable
        case .keyRefused, .unpaid, .forbidden, .spendCap: .account
        case .redirect, .missing, .portal, .webPage: .wrongAddress
        case .badGateway, .gatewayTimeout, .internalError, .hangUp, .empty, .junk: .failing
        case .deadLinks: .undeliverable
        }
    }

    /// True if it costs no attempt: a job that is called meanwhile returns to its former state.
    var isFree: Bool {
        switch row {
        case .account, .unreachable, .wrongAddress: self != .webPage
        case .failing, .undeliverable: false
        }
    }

    /// The end of a call during the outage.
    var plan: SimulatedCall.Plan {
        switch self {
        case .connectionRefused, .noNetwork: .connectionFails
        case .keyRefused: .refused(401, code: "auth_error")
        case .unpaid: .refused(402, code: "insufficient_balance")
        case .forbidden: .refused(403, code: "forbidden")
        case .spendCap: .refused(429, code: "insufficient_quota")
        case .redirect: .wrongAddress(302)
        case .missing: .wrongAddress(404)
        case .portal: .wrongAddress(511)
        case .webPage: .webPage
        case .badGateway: .gatewayFails(502)
        case .gatewayTimeout: .gatewayFails(504)
        case .internalError: .serverError
        case .hangUp: .lostUnbilled
        case .empty: .nothing
        case .junk: .junk
        case .deadLinks: .pictures
        }
    }
}
