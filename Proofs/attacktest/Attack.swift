import ArgumentParser

/// What a user of the host does to harm the others.
enum Attack: String, CaseIterable, ExpressibleByArgument {
    /// As many connections as can be obtained, held without a word.
    case connections
    /// The same, each as another of the attacker's subordinate uids: one person who looks like 65,536.
    case subordinates
    /// Jobs, each as another subordinate uid: past every limit, if each were a user.
    case subordinateSubmits = "subordinate-submits"
    /// Connections as ever more subordinate uids while the user database answers nobody: each would be one lookup more.
    case lookups
    /// Connects and goes away, as fast as it can.
    case storm
    /// Requests whose head comes a byte at a time.
    case slowHead = "slow-head"
    /// Uploads whose body comes a byte at a time.
    case slowBody = "slow-body"
    /// Requests in a row whose answers nobody reads.
    case unread
    /// Requests in a row.
    case pipeline
    /// Bodies over every limit, with their length said before and without.
    case oversized
    /// Random bytes, and requests that two readers could take for two things.
    case malformed
    /// JSON that is deep, wide or both, on many connections at once.
    case json
    /// Headers that claim to be somebody else.
    case forged
    /// Every verb on another's job.
    case others
    /// Jobs, on many connections at once.
    case submits
    /// Jobs that are canceled at once, on many connections: no limit on jobs that wait is reached, and each leaves a trace.
    case cancels
    /// Uploads, on as many connections as can be obtained, whose ends never come.
    case uploads
    /// The dearest lists, on many connections at once.
    case lists
    /// Pictures that a job does not have, on many connections at once.
    case absent
    /// A byte of a large picture, on many connections at once.
    case pictures
    /// Event streams and long polls, half as many as can be obtained, and on the other half jobs, which wake the
    /// streams.
    case waits
    /// Jobs with the longest prompts for a time far off, none of which is ever canceled: they end nowhere and are never billed.
    /// The last one, because it leaves most.
    case hoard

    /// Whether the attacker is root in a user namespace of its own, with its subordinate uids.
    var hasSubordinates: Bool { [.subordinates, .subordinateSubmits, .lookups].contains(self) }

    /// Whether the user database answers nobody meanwhile.
    var silencesNames: Bool { self == .lookups }

    /// What the attacker's own job has to be, which is submitted before the time begins.
    var own: Own? {
        switch self {
        case .unread, .lists, .absent: .longPrompts
        case .pictures: .largePicture
        default: nil
        }
    }

    enum Own {
        /// And as many more as a list shows.
        case longPrompts
        case largePicture
    }
}
