package import FluxqModel

/// The result of a failed try to fetch a picture.
package enum FailedTry: Hashable, Sendable {
    /// Its host was not reached, or sent no answer. That says nothing about the link.
    case noAnswer
    /// Its host answered without the picture, or fluxq must not ask it.
    case answered
    /// Its host answered that it does not give the picture.
    case gone
    /// Its host sent a complete body that is no picture known to fluxq; the bytes are durable in the archive.
    case came(KeptBytes)
}

/// Bytes in the archive that are no picture known to fluxq.
package struct KeptBytes: Hashable, Sendable {
    package let hash: ContentHash
    package let bytes: Int64

    package init(hash: ContentHash, bytes: Int64) {
        self.hash = hash
        self.bytes = bytes
    }
}

/// The failed tries of a pending picture, from its row.
struct FailedDownload {
    let isCanceled: Bool
    /// True if the picture was intact once and is fetched again: other bytes are not the picture.
    let wasDamaged: Bool
    let deadline: Timestamp
    var tries: Int
    var overdueTries: Int
    var nextTryAt: Timestamp
    var message: PictureTrouble?
    /// The last complete body that was no picture, its description, and the number of such bodies.
    var came: KeptBytes?
    var cameMessage: PictureTrouble?
    var cameTries: Int
    var goneSince: Timestamp?

    /// - Parameter row: a row of `pictures`, with its job's `cancel_requested`.
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

    /// Records another failed try.
    ///
    /// - Returns: true if it was the last.
    mutating func note(_ failure: FailedTry, message: PictureTrouble, now: Timestamp, policy: StorePolicy) -> Bool {
        tries += 1
        self.message = message
        let isOverdue = now >= deadline
        var isFinal = false
        switch failure {
        case .noAnswer:
            // If the clock was set back since, the deadline may be in the future again, and the grace with it.
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
            // If the same bytes come again, no other ones are expected.
            isFinal = came == bytes || isCanceled || cameTries >= policy.unusableTries
            came = bytes
            cameMessage = message
        }
        // Only the host's answers decide, and never a single answer.
        overdueTries = isOverdue ? overdueTries + 1 : 0
        return isFinal || isOverdue && overdueTries >= policy.overdueTries
    }
}
