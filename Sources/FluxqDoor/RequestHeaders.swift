import Crypto
import FluxqModel
import HTTPTypes

/// The client's own name for a request: the same key is the same request, and gets the same job for as long as it exists.
struct IdempotencyKey: Hashable, Sendable {
    private static let mostBytes = 255

    let text: String

    /// nil if the request has none.
    /// - Throws: `DoorError` if it is too long or not on one line.
    init?(_ headers: HTTPFields) throws(DoorError) {
        guard let key = headers[.idempotencyKey] ?? headers[.otherIdempotencyKey], !key.isEmpty else { return nil }
        guard key.utf8.count <= Self.mostBytes, TextRule.oneLine.problem(of: key) == nil else {
            throw .field("Idempotency-Key", "must be at most \(Self.mostBytes) bytes on one line")
        }
        // The store takes shorter ones.
        text =
            key.utf8.count <= Job.Bounds.keyBytes
            ? key : ContentHash(digest: Array(SHA256.hash(data: Array(key.utf8)))).description
    }
}

/// The header `Prefer` (RFC 7240).
enum Preference {
    static func isAsynchronous(_ headers: HTTPFields) -> Bool {
        (headers[.prefer] ?? "").split(separator: ",").contains { preference in
            preference.split(separator: ";").first.map { name in
                name.filter { $0 != " " && $0 != "\t" }.lowercased() == "respond-async"
            } ?? false
        }
    }
}
