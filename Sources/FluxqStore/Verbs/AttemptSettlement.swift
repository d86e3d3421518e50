import FluxqModel
import FoundationEssentials

/// What the ledger says of a call that has ended.
struct AttemptSettlement {
    /// One word, such as `answered` or `rate_limited`.
    var outcome: String
    var sentAt: Timestamp?
    var status: Int?
    var requestID: String?
    var message: CallTrouble?
    var answer: Answer?
    /// Items of the answer that may be pictures.
    var imagesCame: Int?
    /// The beginning of what came, for a person to look at.
    var excerpt: String?

    /// Outcomes of calls that never reached a working API and so do not count as attempts (`Lifecycle.Event.deferred`);
    /// as SQL text literals.
    static let uncounted = "'not_sent', 'account_closed', 'wrong_address', 'rate_limited'"

    /// The outcome of a call that this host has kept from being sent for so long that it counts.
    static let hostFailed = "host_failed"

    init(outcome: String, message: CallTrouble? = nil) {
        self.outcome = outcome
        self.message = message
    }

    init(_ report: CallReport) {
        outcome = report.outcome.kind.rawValue
        sentAt = report.sentAt
        status = report.status
        requestID = report.requestID
        message = report.outcome.message
        excerpt = report.excerpt
        switch report.outcome {
        case .answered(let answer):
            self.answer = answer
            excerpt = answer.excerpt
            imagesCame = answer.items.count { $0.link != nil || $0.inline != nil }
        case .noImage(let answer):
            self.answer = answer
            excerpt = answer.excerpt
            imagesCame = 0
        case .notSent, .rejected, .moderated, .accountClosed, .wrongAddress, .rateLimited, .serverError, .unknown,
            .webPage:
            break
        }
    }
}

extension Transaction {
    /// Writes the intent to call, its price reserved.
    func openAttempt(_ job: JobRow, number: Int) throws {
        let price = policy.prices[job.lane.model]
        try execute(
            """
            INSERT INTO attempts (job, number, billing, images_wanted, price, currency, begun_at)
            VALUES (:job, :number, 'reserved', :images_wanted, :price, :currency, :begun_at)
            """,
            [
                "job": job.id, "number": number, "images_wanted": job.images, "price": price?.micros,
                "currency": price?.currency, "begun_at": now,
            ])
    }

    /// Settles a call; a trigger keeps a settled one from ever changing.
    func settleAttempt(_ job: JobID, number: Int, _ billing: Billing, _ settlement: AttemptSettlement) throws {
        let answer = settlement.answer
        let changed = try execute(
            """
            UPDATE attempts SET billing = :billing, settled_at = :settled_at, sent_at = :sent_at, outcome = :outcome,
                status = :status, request_id = :request_id, message = :message, api_created = :api_created,
                usage = :usage, images_came = :images_came, excerpt = :excerpt
            WHERE job = :job AND number = :number AND billing = 'reserved'
            """,
            [
                "billing": billing.rawValue, "settled_at": now, "sent_at": settlement.sentAt,
                "outcome": settlement.outcome, "status": settlement.status,
                "request_id": settlement.requestID ?? answer?.requestID, "message": settlement.message,
                "api_created": answer?.created, "usage": answer?.validUsage, "images_came": settlement.imagesCame,
                "excerpt": settlement.excerpt.flatMap { $0.isEmpty ? nil : $0 }, "job": job, "number": number,
            ])
        guard changed == 1 else { throw StoreError.damaged("job \(job) has no open attempt \(number)") }
    }
}

extension Answer {
    /// `usage` where it is JSON: a side note must not keep an answer that was paid for from being recorded.
    fileprivate var validUsage: String? {
        guard let usage, (try? JSONDecoder().decode(AnyJSON.self, from: Data(usage.utf8))) != nil else { return nil }
        return usage
    }

    /// Any JSON value, not looked into.
    private struct AnyJSON: Decodable {
        init(from decoder: any Decoder) throws {}
    }
}
