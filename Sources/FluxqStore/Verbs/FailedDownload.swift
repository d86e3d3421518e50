package import FluxqModel

/// How a try to fetch a picture failed.
package enum FailedTry: Hashable, Sendable {
    /// Its host was not reached, or said nothing: that tells nothing about the link.
    case noAnswer
    /// Its host answered without the picture, or fluxq must not ask it.
    case answered
    /// Its host answered that it does not give the picture.
    case gone
    /// Its host gave whole bytes that are no picture which fluxq knows; they are durable in the archive.
    case came(KeptBytes)
}

/// Bytes in the archive that are no picture which fluxq knows.
package struct KeptBytes: Hashable, Sendable {
    package let hash: ContentHash
    package let bytes: Int64

    package init(hash: ContentHash, bytes: Int64) {
        self.hash = hash
        self.bytes = bytes
    }
}

/// What a pending picture's row says of its failed tries.
struct FailedDownload {
    let isCanceled: Bool
    /// It was whole once and is fetched again: anything else is not it.
    let wasDamaged: Bool
    let deadline: Timestamp
    var tries: Int
    var overdueTries: Int
    var nextTryAt: Timestamp
    var message: String?
    /// The last whole body that was no picture, what it was, and how many there have been.
    var came: KeptBytes?
    var cameMessage: String?
    var cameTries: Int
    var goneSince: Timestamp?

    /// - Parameter row: of `pictures`, with its job's `cancel_requested`.
    init(_ row: Row) {
        isCanceled = row["cancel_requested"]
        wasDamaged = !row.isNull("damaged")
        deadline = row["deadline"]
        tries = row["tries"]
        overdueTries = row["overdue_tries"]
        nextTryAt = row["next_try_at"]
        message = row["message"]
        if let hash: ContentHash = row["came"] { came = KeptBytes(hash: hash, bytes: row["came_bytes"]) }
        cameMessage = row["came_message"]
        cameTries = row["came_tries"]
        goneSince = row["gone_since"]
    }

    /// Takes one more failed try into account.
    ///
    /// - Returns: whether it was the last.
    mutating func note(_ failure: FailedTry, message: String, now: Timestamp, policy: StorePolicy) -> Bool {
        tries += 1
        self.message = message
        let isOverdue = now >= deadline
        var isFinal = false
        switch failure {
        case .noAnswer:
            // Of a clock that was set back since, nothing is left of the grace.
            return isOverdue && now - deadline >= policy.unreachableGrace
        case .answered:
            goneSince = nil
        case .gone:
            let since = goneSince.map { min($0, now) } ?? now
            goneSince = since
            isFinal = isOverdue || isCanceled && now - since >= policy.goneAfterCancel
        case .came(let bytes):
            goneSince = nil
            guard !wasDamaged else { break }
            cameTries += 1
            // The same bytes again are all that there is.
            isFinal = came == bytes || isCanceled || cameTries >= policy.unusableTries
            came = bytes
            cameMessage = message
        }
        // Only what its host answers decides, and never one answer alone.
        overdueTries = isOverdue ? overdueTries + 1 : 0
        return isFinal || isOverdue && overdueTries >= policy.overdueTries
    }
}
