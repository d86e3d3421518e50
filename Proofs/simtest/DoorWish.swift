import Crypto
import FluxqModel
import FluxqStore
import FluxqTestSupport

/// The content of a request to the OpenAI-compatible routes. Requests with the same content are identical.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DoorContent: @unchecked Sendable {
    enum Kind {
        /// Without a key; its client waits for the answer.
        case plain
        /// With an `Idempotency-Key`.
        case keyed
        /// With `Prefer: respond-async`.
        case asynchronous
    }

    let kind: Kind
    let owner: User
    let fingerprint: ContentHash
    let name: String
    private let draft: EditRequest.Draft
    private var orders = 0
    /// How many answers people have wanted.
    var wishes = 0
    /// Further calls that somebody has asked for: by `X-Fluxq-Again`, by a retry by hand, or by coming back too late.
    var furtherCalls = 0

    /// - Parameter name: no other content's.
    init(_ name: String, _ kind: Kind, owner: User, draft: EditRequest.Draft) {
        self.kind = kind
        self.owner = owner
        self.draft = draft
        self.name = name
        fingerprint = ContentHash(digest: Array(SHA256.hash(data: Array(name.utf8))))
    }

    /// nil for requests without a key.
    var key: Store.Order.Key? { kind == .keyed ? .init(text: name, fingerprint: fingerprint) : nil }

    /// The order that a request makes if there is no earlier job for it. The prompt tells the API the jobs of identical
    /// requests apart; it has no part in their comparison.
    func nextOrder(isAwaited: Bool) throws -> Store.Order {
        orders += 1
        var draft = draft
        draft.prompt = "\(name), job \(orders)"
        return Store.Order(
            owner: owner, request: try draft.validated(defaultModel: "m", drawSeed: { 7 }).get(), key: key,
            door: .init(fingerprint: fingerprint, isAwaited: isAwaited))
    }

    /// True if a job with this prompt is of this content.
    func owns(_ prompt: String) -> Bool { prompt.hasPrefix("\(name), ") }
    /// How often it may be billed.
    var callsAllowed: Int { wishes + furtherCalls }
}

/// A person's wish for one answer, and the client that sends requests until it has the answer.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class DoorWish: @unchecked Sendable {
    let content: DoorContent
    /// True if the client says that a request is not its first.
    let isMarked: Bool
    /// The requests that the client has sent since the person asked for them.
    var sent = 0
    /// `X-Fluxq-Again: yes`.
    var wantsAnother = false
    /// The job's number, once a client that does not wait has heard it.
    var accepted: JobID?
    var isOver = false

    init(_ content: DoorContent, isMarked: Bool) {
        self.content = content
        self.isMarked = isMarked
    }
}
