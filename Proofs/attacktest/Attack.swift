import ArgumentParser

/// An attack by a local user on the other users of the host.
enum Attack: String, CaseIterable, ExpressibleByArgument {
    /// Opens as many connections as possible and sends nothing on them.
    case connections
    /// The same, each connection as another of the attacker's subordinate uids: one person who looks like 65,536.
    case subordinates
    /// Submits jobs, each as another subordinate uid. If each uid counted as a user, this would exceed every limit.
    case subordinateSubmits = "subordinate-submits"
    /// Connects as ever more subordinate uids while the user database does not answer. Each could cause another lookup.
    case lookups
    /// Connects and disconnects as fast as possible.
    case storm
    /// Sends request heads one byte at a time.
    case slowHead = "slow-head"
    /// Sends upload bodies one byte at a time.
    case slowBody = "slow-body"
    /// Pipelines requests and reads no answers.
    case unread
    /// Pipelines requests.
    case pipeline
    /// Sends bodies over every limit, with and without a declared length.
    case oversized
    /// Sends random bytes, and requests that two parsers could read differently.
    case malformed
    /// Sends JSON that is deep, wide or both, on many connections at once.
    case json
    /// Sends headers that claim another identity.
    case forged
    /// Tries every verb on another user's job.
    case others
    /// Opens as many TCP connections as possible and sends nothing on them.
    case ports
    /// Tries every verb on another user's job over TCP, with headers that claim another identity, as a web page, and on
    /// connections that are closed before fluxqd can ask whose they are.
    case otherPorts = "other-ports"
    /// Submits jobs on many connections at once.
    case submits
    /// Submits jobs and cancels them immediately, on many connections. No limit on queued jobs is reached, but each job
    /// leaves records.
    case cancels
    /// Starts uploads on as many connections as possible and never finishes them.
    case uploads
    /// Requests the most expensive lists, on many connections at once.
    case lists
    /// Requests pictures that a job does not have, on many connections at once.
    case absent
    /// Requests one byte of a large picture, on many connections at once.
    case pictures
    /// Holds event streams and long polls on half of the possible connections. On the other half it submits jobs, which
    /// wake the streams.
    case waits
    /// Submits jobs with the longest prompts for a time far in the future and never cancels them. They never end and
    /// are never billed. This attack is the last one because it leaves the most data.
    case hoard

    /// True if the attacker is root in its own user namespace, with its subordinate uids.
    var hasSubordinates: Bool { [.subordinates, .subordinateSubmits, .lookups].contains(self) }

    /// True if the user database does not answer during the attack.
    var silencesNames: Bool { self == .lookups }

    /// The kind of job of the attacker's own that is submitted before the measured time begins; nil for none.
    var own: Own? {
        switch self {
        case .unread, .lists, .absent: .longPrompts
        case .pictures: .largePicture
        default: nil
        }
    }

    enum Own {
        /// And as many more jobs as a list shows.
        case longPrompts
        case largePicture
    }
}
