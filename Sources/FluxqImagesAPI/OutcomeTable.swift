import FluxqModel

/// What an outcome of a call means: the table of `CallOutcome`. Only the status and the closed set of `ErrorCode` decide; no message does.
///
/// Where the table is silent:
/// - A code of the closed set corrects a 4xx or an unbilled 5xx (`insufficient_quota` in a 429, moderation in a 403), but
///   never a redirect and never a status after which the bill is unknown.
/// - A code that means a time-out makes the outcome unknown whatever the status: the picture may still have been made.
/// - An error in a 2xx that has no row of its own counts as a 4xx: the API itself says that the request failed.
/// - A status of no row (1xx, 501, 505, 529, …) is unknown unless the administrator counts it as unbilled.
struct OutcomeTable: Sendable {
    /// `api.unbilled_statuses`.
    let unbilledStatuses: Set<Int>
    let quotation: Quotation

    private enum Row {
        case rejected, moderated, accountClosed, rateLimited, presumedUnbilled, unknown
    }

    func outcome(of reply: Reply) -> CallOutcome {
        reply.isSuccess ? outcome(ofSuccess: reply) : outcome(in: row(ofFailure: reply), of: reply)
    }

    /// The request was sent in full and nothing that settles the matter came back.
    func unknown(because trouble: String, status: Int? = nil, requestID: String? = nil) -> CallOutcome {
        .unknown(
            APIError(
                status: status,
                message: quotation.clean(
                    "The request was sent, but \(trouble)."),
                requestID: requestID))
    }

    // MARK: - 2xx

    private func outcome(ofSuccess reply: Reply) -> CallOutcome {
        guard let answer = reply.answer, reply.defect == nil else {
            return outcome(in: .unknown, of: reply)
        }
        // Pictures beside an error have been paid for all the same.
        if answer.items.contains(where: { $0.link != nil || $0.inline != nil }) { return .answered(answer) }
        if let error = reply.error {
            return outcome(in: row(ofError: error, in: reply) ?? .rejected, of: reply)
        }
        // Nothing but items that failed: their word counts if it is a known one.
        for error in reply.itemErrors {
            guard let row = row(ofError: error, in: reply) else { continue }
            var reply = reply
            reply.error = error
            return outcome(in: row, of: reply)
        }
        return .noImage(answer)
    }

    /// The row that an error inside of a 2xx names; nil where it names none.
    private func row(ofError error: ErrorDocument, in reply: Reply) -> Row? {
        let words = [error.code, error.type].compactMap(\.self)
        if let code = error.code.flatMap(ErrorCode.init(word:)) { return row(of: code) }
        if let status = error.code.flatMap({ Int($0) }), (300..<600).contains(status) {
            return row(ofStatus: status, hasRetryAfter: reply.hasRetryAfter)
        }
        return words.lazy.compactMap(ErrorCode.init(word:)).first.map(row(of:))
    }

    private func row(of code: ErrorCode) -> Row {
        switch code {
        case .rejected: .rejected
        case .moderated: .moderated
        case .account: .accountClosed
        case .rateLimited: .rateLimited
        case .serverError: row(ofStatus: 500, hasRetryAfter: false)
        case .timeout: .unknown
        }
    }

    // MARK: - Anything else

    private func row(ofFailure reply: Reply) -> Row {
        let row = row(ofStatus: reply.status, hasRetryAfter: reply.hasRetryAfter)
        if row == .presumedUnbilled, reply.defect != nil { return .unknown }
        if row == .unknown || (300..<400).contains(reply.status) { return row }
        let codes = [reply.error?.code, reply.error?.type].compactMap(\.self).compactMap(ErrorCode.init(word:))
        switch codes.first {
        case .moderated: return .moderated
        case .account: return .accountClosed
        case .timeout: return .unknown
        case .rateLimited where row == .rejected || row == .presumedUnbilled: return .rateLimited
        case .rateLimited, .rejected, .serverError, nil: break
        }
        // A code of no account beside a type of one: `{"type": "insufficient_quota", "code": "rate_limit"}`.
        return codes.contains(.account) ? .accountClosed : row
    }

    private func row(ofStatus status: Int, hasRetryAfter: Bool) -> Row {
        switch status {
        case 300..<400: .rejected
        case 401, 402, 403: .accountClosed
        case 429: .rateLimited
        case 503 where hasRetryAfter: .rateLimited
        case 408, 500..<600: unbilledStatuses.contains(status) ? .presumedUnbilled : .unknown
        case 400..<500: .rejected
        default: .unknown
        }
    }

    // MARK: - Words

    private func outcome(in row: Row, of reply: Reply) -> CallOutcome {
        switch row {
        case .rejected: .rejected(error(of: reply))
        case .moderated: .moderated(error(of: reply))
        case .accountClosed: .accountClosed(error(of: reply))
        case .rateLimited: .rateLimited(error(of: reply), retryAfter: reply.retryAfter)
        case .presumedUnbilled: .serverError(error(of: reply))
        case .unknown: .unknown(error(of: reply))
        }
    }

    private func error(of reply: Reply) -> APIError {
        APIError(
            status: reply.status, code: quotation.clean(ifAny: reply.error?.code, limit: Quotation.wordLimit),
            type: quotation.clean(ifAny: reply.error?.type, limit: Quotation.wordLimit),
            message: quotation.clean(message(of: reply)), requestID: requestID(of: reply))
    }

    /// `error.param` is the request id for this vendor; a header is where others put it.
    func requestID(of reply: Reply) -> String? {
        quotation.clean(ifAny: reply.error?.requestID ?? reply.requestID, limit: Quotation.wordLimit)
    }

    private func message(of reply: Reply) -> String {
        if (300..<400).contains(reply.status) {
            let target = reply.location.map { "to \($0)" } ?? "nowhere in particular"
            return "The API redirects (HTTP \(reply.status)) \(target), and a paid call follows no redirect. "
                + "Check api.base_url."
        }
        if let defect = reply.defect {
            return "The API answered with HTTP \(reply.status), but \(defect)."
                + (reply.isSuccess ? " The call may have been billed." : "")
        }
        if let said = reply.error?.message ?? reply.remark { return said }
        return
            "The API answered with HTTP \(reply.status)\(reply.error?.code.map { ", code \($0)" } ?? "") and no message."
    }
}
