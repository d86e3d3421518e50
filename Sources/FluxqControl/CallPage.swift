/// The answer of `GET /v1/jobs/{id}/calls`: newest first.
package struct CallPage: Hashable, Sendable, Codable {
    /// Calls of one page at most; fewer where their messages are long.
    package static let mostCalls = 100

    package var calls: [JobDocument.LedgerDocument]
    /// The `before` of the next page; absent on the last.
    package var next: Int?

    package init(calls: [JobDocument.LedgerDocument], next: Int?) {
        self.calls = calls
        self.next = next
    }
}
