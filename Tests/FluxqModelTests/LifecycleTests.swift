import FluxqTestSupport
import Testing

@testable import FluxqModel

@Suite("The life of a job")
struct LifecycleTests {
    @Test(
        "every state × event cell leads to the table's state, or is forbidden and changes nothing",
        arguments: LifecycleTable.cells)
    func cell(_ cell: LifecycleTable.Cell) {
        let before = Lifecycle(
            state: cell.from.state, attempt: 1, attempts: 1, strikes: 0, onUnknown: .fail)
        var after = before
        do {
            let effects = try after.apply(cell.event.event, maxAttempts: 5)
            #expect(LifecycleTable.Outcome(after.state, effects: effects) == cell.outcome)
        } catch {
            #expect(cell.outcome == nil)
            #expect(after == before)
        }
    }

    @Test("an attempt that was never made is not counted, so an outage costs no job")
    func deferral() throws {
        var job = Lifecycle(state: .calling, attempt: 7, attempts: 3, strikes: 2, onUnknown: .fail)
        _ = try job.apply(.deferred(nextTry: LifecycleTable.Event.nextTry), maxAttempts: 3)
        #expect((job.attempt, job.attempts, job.strikes) == (7, 2, 2))
    }

    @Test("the last attempt that fails without a bill ends the job as exhausted", arguments: 1...6)
    func exhaustion(maxAttempts: Int) throws {
        var job = Lifecycle(
            state: .queued(notBefore: nil, afterBackoff: false), attempt: 0, attempts: 0, strikes: 0, onUnknown: .fail)
        for attempt in 1...maxAttempts {
            _ = try job.apply(.claimed, maxAttempts: maxAttempts)
            _ = try job.apply(LifecycleTable.Event.attemptFailed.event, maxAttempts: maxAttempts)
            if attempt < maxAttempts {
                #expect(job.state == .queued(notBefore: LifecycleTable.Event.nextTry, afterBackoff: true))
            }
        }
        guard case .failed(let failure) = job.state else {
            Issue.record("still \(job.state)")
            return
        }
        #expect(failure.reason == .exhausted)
        #expect(job.attempts == maxAttempts)
    }

    @Test("an unknown outcome is sent again only if the submitter chose so, and not forever")
    func unknownWithRetry() throws {
        var job = Lifecycle(state: .calling, attempt: 1, attempts: 1, strikes: 0, onUnknown: .retry)
        _ = try job.apply(LifecycleTable.Event.outcomeUnknown.event, maxAttempts: 2)
        #expect(job.state == .queued(notBefore: LifecycleTable.Event.nextTry, afterBackoff: true))
        _ = try job.apply(.claimed, maxAttempts: 2)
        _ = try job.apply(LifecycleTable.Event.outcomeUnknown.event, maxAttempts: 2)
        #expect(LifecycleTable.Outcome(job.state).reason == .outcomeUnknown)
    }

    @Test("a retry by hand resets the count of failed attempts")
    func retryByHand() throws {
        var job = Lifecycle(
            state: LifecycleTable.From.failed.state, attempt: 5, attempts: 5, strikes: 5, onUnknown: .fail)
        _ = try job.apply(.retried, maxAttempts: 5)
        #expect((job.attempt, job.attempts, job.strikes) == (5, 5, 0))
    }
}

extension Lifecycle.State {
    fileprivate static let calling = Self.running(.calling, cancelRequested: false)
}

extension LifecycleTable.From {
    fileprivate var state: Lifecycle.State {
        switch self {
        case .queued: .queued(notBefore: nil, afterBackoff: false)
        case .calling: .running(.calling, cancelRequested: false)
        case .callingCanceled: .running(.calling, cancelRequested: true)
        case .archiving: .running(.archiving, cancelRequested: false)
        case .archivingCanceled: .running(.archiving, cancelRequested: true)
        case .done: .done(warning: nil)
        case .failed: .failed(.init(reason: .rejected, message: "refused"))
        case .failedCanceled: .failed(.init(reason: .canceled, message: "canceled"))
        }
    }
}

extension LifecycleTable.Event {
    fileprivate static let nextTry = Timestamp(rawValue: 1_000)

    fileprivate var event: Lifecycle.Event {
        let error = APIError(status: 500, message: "no")
        return switch self {
        case .claimed: .claimed
        case .answered: .answered
        case .deferred: CallOutcome.notSent(message: "refused").event(nextTry: Self.nextTry)
        case .attemptFailed: CallOutcome.serverError(error).event(nextTry: Self.nextTry)
        case .rejected: CallOutcome.rejected(error).event(nextTry: Self.nextTry)
        case .moderated: CallOutcome.moderated(error).event(nextTry: Self.nextTry)
        case .noImage: CallOutcome.noImage(Answer(items: [])).event(nextTry: Self.nextTry)
        case .outcomeUnknown: CallOutcome.unknown(error).event(nextTry: Self.nextTry)
        case .settledWhole: .settled(.init(wanted: 2, saved: 2, lost: 0, unusable: 0))
        case .settledShort: .settled(.init(wanted: 2, saved: 1, lost: 0, unusable: 0))
        case .settledLost: .settled(.init(wanted: 2, saved: 1, lost: 1, unusable: 0))
        case .settledUnusable: .settled(.init(wanted: 2, saved: 0, lost: 0, unusable: 2))
        case .canceled: .canceled
        case .abandoned: .abandoned(after: .seconds(60))
        case .retried: .retried
        case .struck: .struck(last: "refused alone")
        case .restored: .restored(backedUpAt: Self.nextTry)
        }
    }
}
