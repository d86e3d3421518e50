import FluxqModel

/// Maps a reply to the outcome of its call, by the table of `CallOutcome`. Only the status, two headers and the closed
/// set of `ErrorCode` decide; messages never do.
///
/// Cases that the table does not cover:
/// - A code of the closed set corrects a 4xx or an unbilled 5xx (`insufficient_quota` in a 429, moderation in a 403). It
///   never corrects a redirect, or a status after which the bill is unknown.
/// - A code that means a time-out makes the outcome unknown whatever the status: the picture may still have been made.
/// - 409, 423 and 425 ask to try later, unless a code says that the request is wrong.
/// - `x-should-retry: true` turns a refusal of the request into a temporary one. `false` turns a rate limit into a
///   permanent refusal, and an unbilled 5xx into one whose bill is unknown: the API does not want the request again.
/// - A 403 whose own code blames the request is about the request; any other is about the account.
/// - An error in a 2xx that has no row of its own counts as a 4xx: the API itself reports that the request failed.
/// - A status without a row (1xx, 501, 505, 529, …) is unknown unless the administrator counts it as unbilled.
struct OutcomeTable: Sendable {
    /// `api.unbilled_statuses`.
    let unbilledStatuses: Set<Int>
    let redactor: Redactor

    private enum Row {
        case rejected, moderated, accountClosed, wrongAddress, rateLimited, presumedUnbilled, unknown, webPage
    }

    func outcome(of reply: Reply) -> CallOutcome {
        reply.isSuccess ? outcome(ofSuccess: reply) : outcome(in: row(ofFailure: reply), of: reply)
    }

    /// Returns the outcome of a request that was sent in full but got no conclusive answer.
    func unknown(because trouble: String, status: Int? = nil, requestID: String? = nil) -> CallOutcome {
        .unknown(
            APIError(
                status: status,
                message: .said(redactor.clean("The request was sent, but \(trouble).")),
                requestID: requestID))
    }

    // MARK: - 2xx

    private func outcome(ofSuccess reply: Reply) -> CallOutcome {
        guard let answer = reply.answer else { return outcome(in: .unknown, of: reply) }
        // Pictures have been paid for even if there is an error beside them, or if the answer broke off after them.
        if reply.isAnswered { return .answered(answer) }
        if reply.says == .page { return outcome(in: .webPage, of: reply) }
        if reply.defect != nil { return outcome(in: .unknown, of: reply) }
        if let error = reply.error {
            let row = row(ofError: error, in: reply) ?? (reply.says == .moderated ? .moderated : .rejected)
            return outcome(in: row, of: reply)
        }
        // All items failed: the code of an item counts if it is known. If anything came in place of a picture, the
        // codes do not prove that nothing was billed.
        if !reply.hasOthers {
            for error in reply.itemErrors {
                guard let row = row(ofError: error, in: reply) else { continue }
                var reply = reply
                reply.error = error
                return outcome(in: row, of: reply)
            }
            switch reply.says {
            case .moderated: return outcome(in: .moderated, of: reply)
            case .failed: return outcome(in: .rejected, of: reply)
            case .task: return outcome(in: .unknown, of: reply)
            case .nothing, .page: break
            }
        }
        return .noImage(answer)
    }

    /// Returns the row for an error inside a 2xx; nil if it has none.
    private func row(ofError error: ErrorDocument, in reply: Reply) -> Row? {
        let words = [error.code, error.type].compactMap(\.self)
        if let code = error.code.flatMap(ErrorCode.init(word:)) { return row(of: code) }
        if let status = error.code.flatMap({ Int($0) }), (300..<600).contains(status) {
            var inner = Reply(status: status)
            inner.hasRetryAfter = reply.hasRetryAfter
            // The answer is the API's own, so its address is right.
            inner.error = ErrorDocument.ofAPI
            let row = row(ofStatus: inner)
            return row == .wrongAddress ? .rejected : row
        }
        return words.lazy.compactMap(ErrorCode.init(word:)).first.map(row(of:))
    }

    private func row(of code: ErrorCode) -> Row {
        switch code {
        case .rejected, .wrongAddress: .rejected
        case .moderated: .moderated
        case .account: .accountClosed
        case .rateLimited: .rateLimited
        case .serverError: row(ofStatus: Reply(status: 500))
        case .timeout: .unknown
        }
    }

    // MARK: - Anything else

    private func row(ofFailure reply: Reply) -> Row {
        let row = row(ofStatus: reply)
        if row == .presumedUnbilled, reply.defect != nil { return .unknown }
        if row == .unknown || (300..<400).contains(reply.status) || reply.status == 511 { return row }
        let code = reply.error?.code.flatMap(ErrorCode.init(word:))
        let type = reply.error?.type.flatMap(ErrorCode.init(word:))
        if row == .wrongAddress, code == nil, type == nil { return row }
        switch code ?? type {
        case .moderated: return .moderated
        case .account: return .accountClosed
        case .timeout: return .unknown
        case .wrongAddress: return .wrongAddress
        case .rateLimited where row == .rejected || row == .presumedUnbilled: return .rateLimited
        case .rejected where code == .rejected && (reply.status == 403 || Self.tryLater.contains(reply.status)):
            return .rejected
        case .rateLimited, .rejected, .serverError, nil: break
        }
        // The code is not about the account, but the type is: `{"type": "insufficient_quota", "code": "rate_limit"}`.
        if type == .account { return .accountClosed }
        if reply.says == .moderated, row == .rejected || row == .accountClosed { return .moderated }
        return self.row(row, shouldRetry: reply.shouldRetry, status: reply.status)
    }

    private func row(_ row: Row, shouldRetry: Bool?, status: Int) -> Row {
        switch (row, shouldRetry) {
        case (.rejected, true): .rateLimited
        case (.rateLimited, false):
            Self.tryLater.contains(status) ? .rejected : status == 429 ? .accountClosed : .unknown
        case (.presumedUnbilled, false): .unknown
        default: row
        }
    }

    private func row(ofStatus reply: Reply) -> Row {
        switch reply.status {
        case 300..<400, 407, 421, 511: .wrongAddress
        case 404, 405, 410: reply.error?.isOfAPI == true ? .rejected : .wrongAddress
        case 401, 402, 403, 451: .accountClosed
        case 429: .rateLimited
        case _ where Self.tryLater.contains(reply.status): .rateLimited
        case 503 where reply.hasRetryAfter: .rateLimited
        case 408, 500..<600: unbilledStatuses.contains(reply.status) ? .presumedUnbilled : .unknown
        case 400..<500: .rejected
        default: .unknown
        }
    }

    /// Conflict, Locked, Too Early: these are temporary.
    private static let tryLater: Set<Int> = [409, 423, 425]

    // MARK: - Words

    private func outcome(in row: Row, of reply: Reply) -> CallOutcome {
        switch row {
        case .rejected: .rejected(error(of: reply))
        case .moderated: .moderated(error(of: reply))
        case .accountClosed: .accountClosed(error(of: reply))
        case .wrongAddress: .wrongAddress(error(of: reply))
        case .rateLimited: .rateLimited(error(of: reply), retryAfter: reply.retryAfter)
        case .presumedUnbilled: .serverError(error(of: reply))
        case .unknown: .unknown(error(of: reply))
        case .webPage: .webPage(error(of: reply))
        }
    }

    private func error(of reply: Reply) -> APIError {
        APIError(
            status: reply.status, code: redactor.clean(ifAny: reply.error?.code, limit: Redactor.wordLimit),
            type: redactor.clean(ifAny: reply.error?.type, limit: Redactor.wordLimit),
            message: .said(redactor.clean(message(of: reply))), requestID: requestID(of: reply))
    }

    /// `error.param` is the request id for this vendor; others send it in a header.
    func requestID(of reply: Reply) -> String? {
        redactor.clean(ifAny: reply.error?.requestID ?? reply.requestID, limit: Redactor.wordLimit)
    }

    private func message(of reply: Reply) -> String {
        let status = "HTTP \(reply.status)"
        if (300..<400).contains(reply.status) {
            let target = reply.location.map { "to \($0)" } ?? "without a target"
            return "The API redirects (\(status)) \(target), and a paid call follows no redirect. "
                + "Check the endpoint's base_url (api.base_url)."
        }
        if reply.isSuccess { return messageOfSuccess(reply) }
        if let defect = reply.defect {
            let beginning = reply.remark.map { " It begins: \($0)" } ?? ""
            return "The API answered with \(status), but \(defect).\(beginning)"
        }
        let said =
            reply.error?.message ?? reply.remark
            ?? "The API answered with \(status)\(reply.error?.code.map { ", code \($0)" } ?? "") and no message."
        guard [404, 405, 407, 410, 421, 511].contains(reply.status), reply.error?.isOfAPI != true else { return said }
        let remedy =
            switch reply.status {
            case 407: "A proxy in front of the API requires a password."
            case 511: "This network requires a login before it reaches the API."
            default: "This is not the API's own error: check the endpoint's base_url (api.base_url)."
            }
        return "\(said.hasSuffix(".") ? said : said + ".") (\(status)) \(remedy)"
    }

    private func messageOfSuccess(_ reply: Reply) -> String {
        let status = "HTTP \(reply.status)"
        if reply.says == .page {
            return "A web page was returned instead of the API's answer (\(status)): "
                + "\(reply.remark ?? "it has no text"). "
                + "Check the endpoint's base_url (api.base_url), and whether this network requires a login."
        }
        if let defect = reply.defect {
            return "The API answered with \(status), but \(defect). The call may have been billed."
        }
        if let said = reply.error?.message ?? reply.remark { return said }
        return switch reply.says {
        case .task:
            "The API answered with a task instead of a picture (\(status)), and fluxq does not support tasks: "
                + "\(reply.excerpt.prefix(300))"
        case .moderated: "The answer says that the content filter removed the picture."
        case .failed: "The answer says that it failed, but not why."
        case .nothing, .page:
            "The API answered with \(status)\(reply.error?.code.map { ", code \($0)" } ?? "") and no message."
        }
    }
}

extension ErrorDocument {
    /// An arbitrary error of the API's own.
    static let ofAPI = ErrorDocument(isOfAPI: true)

    private init(isOfAPI: Bool) {
        self.isOfAPI = isOfAPI
    }
}
