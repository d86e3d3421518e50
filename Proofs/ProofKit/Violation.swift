/// A broken promise, with the evidence.
package struct Violation: Hashable, Sendable, CustomStringConvertible {
    package enum Rule: String, CaseIterable, Sendable {
        case acknowledgedIsThere = "every acknowledged submit is there"
        case oneJobASubmit = "a submit makes one job"
        case cancelHolds = "an acknowledged cancel holds"
        case billedOnce = "no job is billed more than once unasked"
        case answeredIsRecorded = "everything that was billed is recorded, or its job says that nobody knows"
        case readIsKept = "what had been read of an answer outlives a kill"
        case unsentIsUnbilled = "nothing that was not sent counts as billed"
        case nothingIsStuck = "no job is stuck"
        case filesMatch = "every archived file is there, matches its hash and is read-only"
        case picturesAreTheirJobs = "no job has another job's picture"
        case ledgersAgree = "the ledger agrees with the jobs, with its sums and with the API's"
        case answerIsRight = "a client that keeps sending gets its pictures, or the right error"
        case databaseIsWhole = "the database is whole"
    }

    package let rule: Rule
    package let words: String

    package init(_ rule: Rule, _ words: String) {
        self.rule = rule
        self.words = words
    }

    package var description: String { "\(rule.rawValue): \(words)" }
}
