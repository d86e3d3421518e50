import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("The database and the pure function agree")
struct LifecycleAgreementTests {
    @Test(
        "every state × event cell leads the row to the table's state, or leaves it unchanged",
        arguments: LifecycleTable.cells)
    func cell(_ cell: LifecycleTable.Cell) async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.bring(cell.from)
        let before = try await fixture.job(id)
        let ledgerBefore = try fixture.ledger(id)

        try await fixture.raise(cell.event, on: before, of: cell.from)

        let after = try await fixture.job(id)
        guard let outcome = cell.outcome else {
            // A late report still says how the API is, but the job itself is unchanged.
            #expect(after.lifecycle == before.lifecycle && after.pictures == before.pictures)
            #expect(try fixture.ledger(id) == ledgerBefore)
            return
        }
        var seen = LifecycleTable.Outcome(after.lifecycle.state)
        let ledger = try fixture.ledger(id)
        seen.opensAttempt = ledger.count > ledgerBefore.count
        seen.billing = seen.opensAttempt || ledger == ledgerBefore ? nil : ledger.last.flatMap(Billing.init(rawValue:))
        #expect(seen == outcome)
        #expect((after.finishedAt != nil) == (outcome.state == .done || outcome.state == .failed))
    }
}

extension StoreFixture {
    /// The billing of each attempt of a job in the ledger.
    func ledger(_ id: JobID) throws -> [String] {
        let text = try query(
            String.self,
            "SELECT group_concat(billing) FROM (SELECT billing FROM attempts WHERE job = \(id) ORDER BY number)")
        return text.map { $0.split(separator: ",").map(String.init) } ?? []
    }

    /// Moves a job that requests two pictures into a state, only through the verbs.
    fileprivate func bring(_ state: LifecycleTable.From) async throws -> JobID {
        let id = try await submit(n: 2)
        switch state {
        case .queued: break
        case .calling:
            _ = try await claim()
        case .callingCanceled:
            _ = try await claim()
            _ = try await store.cancel(id, uid: StoreFixture.alice.uid)
        case .archiving:
            _ = try await store.record(StoreFixture.answered(2), of: claim(), pictures: links(2))
        case .archivingCanceled:
            _ = try await store.record(StoreFixture.answered(2), of: claim(), pictures: links(2))
            _ = try await store.cancel(id, uid: StoreFixture.alice.uid)
        case .done:
            _ = try await store.record(
                StoreFixture.answered(2), of: claim(),
                pictures: [.saved(StoreFixture.stored("a")), .saved(StoreFixture.stored("b"))])
        case .failed:
            _ = try await store.record(CallReport(outcome: .rejected(APIError(message: "no"))), of: claim())
        case .failedCanceled:
            _ = try await store.cancel(id, uid: StoreFixture.alice.uid)
        }
        return id
    }

    fileprivate func raise(_ event: LifecycleTable.Event, on job: Job, of from: LifecycleTable.From) async throws {
        let claim = Claim(
            job: job.id, uid: job.owner.uid, lane: Lane(endpoint: Lane.defaultEndpoint, model: job.request.model),
            attempt: job.lifecycle.attempt, request: job.request, inputMediaType: nil,
            begunAt: now)
        func record(_ outcome: CallOutcome) async throws {
            _ = try await store.record(CallReport(outcome: outcome), of: claim)
        }
        let error = APIError(status: 500, message: "no")
        switch event {
        case .claimed: _ = try await store.claim()
        case .answered: _ = try await store.record(StoreFixture.answered(2), of: claim, pictures: links(2))
        case .deferred: try await record(.notSent(message: "refused"))
        case .attemptFailed: try await record(.serverError(error))
        case .rejected: try await record(.rejected(error))
        case .moderated: try await record(.moderated(error))
        case .noImage: try await record(.noImage(Answer(items: [])))
        case .outcomeUnknown: try await record(.unknown(error))
        case .settledWhole: try await settle(job, [.saved, .saved])
        case .settledShort: try await settle(job, [.saved, .dropped])
        case .settledLost: try await settle(job, [.saved, .lost])
        case .settledUnusable: try await settle(job, [.unusable, .unusable])
        case .canceled: _ = try await store.cancel(job.id, uid: job.owner.uid)
        case .abandoned:
            try raw(
                "INSERT INTO door_requests (job, uid, fingerprint, stays) VALUES (\(job.id), \(job.owner.uid), 'f', 0)")
            _ = try await store.abandon(job.id, after: .seconds(60))
        case .retried: _ = try await store.retry(job.id, uid: job.owner.uid)
        case .struck: _ = try await store.write { transaction in try transaction.strike(job.id) }
        case .restored:
            try raw("UPDATE queue SET backed_up_at = 1")
            _ = try await store.write { transaction in try transaction.holdBackRestored(limit: 100) }
        }
    }

    private enum PictureEnd { case saved, lost, unusable, dropped }

    /// Ends the two pictures of an archiving job; does nothing in any other state, which has no pictures.
    private func settle(_ job: Job, _ ends: [PictureEnd]) async throws {
        for (index, end) in zip(1..., ends) {
            let download = Download(
                link: "https://example.org/\(index).png", deadline: now + .seconds(60), nextTryAt: now)
            let picture = PendingPicture(job: job.id, index: index, endpoint: Lane.defaultEndpoint, download: download)
            switch end {
            case .saved: _ = try await store.savePicture(picture, as: StoreFixture.stored())
            case .lost: _ = try await store.losePicture(picture, message: "gone")
            case .unusable, .dropped: try endInside(picture, end == .unusable ? "unusable" : nil)
            }
        }
        if ends.contains(where: { $0 == .unusable || $0 == .dropped }) {
            _ = try await store.write { transaction in try transaction.settleIfComplete(job.id) }
        }
    }

    /// Inline pictures are never pending, so no verb ends them later. The row is changed as their arrival would change
    /// it.
    private func endInside(_ picture: PendingPicture, _ state: String?) throws {
        let change = state.map { "UPDATE pictures SET state = '\($0)', next_try_at = NULL" } ?? "DELETE FROM pictures"
        try raw("\(change) WHERE job = \(picture.job) AND position = \(picture.index) AND state = 'pending'")
    }
}
