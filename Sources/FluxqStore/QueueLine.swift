import FluxqModel
import GRDB

/// The order in which ready jobs would be claimed if nothing else came: fair share played forward from the rows as they are.
/// It reads at most `QueuePlace.furthest` jobs, however many wait. Jobs of owners at their limits are not in the line.
struct QueueLine {
    struct Entry {
        let job: JobID
        let images: Int
        let model: String
    }

    private(set) var entries: [Entry] = []

    /// One owner on the way through the line.
    private struct Party {
        let uid: UInt32
        let weight: Int
        var startTag: Int64
        var lastTurn: Int64
        var jobs: [Entry] = []
        var next = 0
        var isRead = false

        /// The claim's own order.
        func precedes(_ other: Party) -> Bool {
            (startTag, lastTurn, uid) < (other.startTag, other.lastTurn, other.uid)
        }
    }

    /// - Parameter end: plays no further than to this job.
    init(_ reader: LimitsReader, upTo end: JobID? = nil) throws {
        // Sorted, the next one last.
        var parties = try Self.parties(reader)
        var turn = Int64.max - Int64(QueuePlace.furthest)
        while entries.count < QueuePlace.furthest, var party = parties.popLast() {
            if party.next == party.jobs.count, !party.isRead { try Self.readMore(of: &party, reader) }
            guard party.next < party.jobs.count else { continue }
            let entry = party.jobs[party.next]
            entries.append(entry)
            if entry.job == end { return }
            party.next += 1
            party.startTag += FairShare.advance(images: entry.images, weight: party.weight)
            // Served later than anybody who waits: turns still to come are numbered after all that were.
            party.lastTurn = turn
            turn += 1
            var (low, high) = (0, parties.count)
            while low < high {
                let middle = (low + high) / 2
                if party.precedes(parties[middle]) { low = middle + 1 } else { high = middle }
            }
            parties.insert(party, at: low)
        }
    }

    private static func parties(_ reader: LimitsReader) throws -> [Party] {
        let rows = try Row.fetchAll(
            reader.db.cachedStatement(
                sql: """
                    SELECT * FROM owners WHERE ready > 0 AND blocked IS NULL
                    ORDER BY virtual_time, last_turn, uid LIMIT ?
                    """), arguments: [QueuePlace.furthest])
        return try rows.reversed().compactMap { row in
            let owner = OwnerRow(row)
            // At a limit that no claim has come upon yet.
            if try reader.obstacle(toFirstJobOf: owner) != nil { return nil }
            return Party(
                uid: owner.uid, weight: try owner.limits(reader.policy.limits).weight, startTag: owner.virtualTime,
                lastTurn: owner.lastTurn)
        }
    }

    /// An owner's ready jobs in the claim's order: the uid, how many, and after how many. Read from an index that has the
    /// expressions as they stand here; see 0007_line.
    static let jobsOfOwner = """
        SELECT id, coalesce(request ->> 'n', 1) AS images, request ->> 'model' AS model FROM jobs
        WHERE uid = ? AND state = 'queued' AND not_before IS NULL
        ORDER BY priority DESC, id LIMIT ? OFFSET ?
        """

    /// Twice as many at each time: few for many owners, and few reads for one.
    private static func readMore(of party: inout Party, _ reader: LimitsReader) throws {
        let wanted = min(max(party.jobs.count, 4), QueuePlace.furthest - party.jobs.count)
        let rows = try Row.fetchAll(
            reader.db.cachedStatement(sql: jobsOfOwner), arguments: [party.uid, wanted, party.jobs.count])
        party.isRead = rows.count < wanted || wanted == 0
        party.jobs += rows.map { Entry(job: $0["id"], images: $0["images"], model: $0["model"]) }
    }
}

/// How long calls take, from the latest that were answered.
struct CallDurations {
    private static let sample = 50

    private struct Kind: Hashable {
        let model: String?
        let images: Int?
    }

    private var measured: [Kind: (total: Duration, count: Int)] = [:]

    init(_ db: Database) throws {
        let rows = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT jobs.request ->> 'model' AS model, images_wanted AS images, begun_at, attempts.settled_at
                    FROM attempts JOIN jobs ON jobs.id = attempts.job
                    WHERE outcome = 'answered' ORDER BY attempts.settled_at DESC LIMIT ?
                    """), arguments: [Self.sample])
        for row in rows {
            let (begun, settled): (Timestamp, Timestamp) = (row["begun_at"], row["settled_at"])
            // A clock that was set in the middle of a call has measured nothing.
            guard begun <= settled else { continue }
            let (model, images): (String, Int) = (row["model"], row["images"])
            for kind in [
                Kind(model: model, images: images), Kind(model: model, images: nil), Kind(model: nil, images: nil),
            ] {
                let sum = measured[kind] ?? (.zero, 0)
                measured[kind] = (sum.total + (settled - begun), sum.count + 1)
            }
        }
    }

    /// The mean of the same model and number of images; where there is none, of the model; else of all. nil: none at all.
    func expected(model: String?, images: Int) -> Duration? {
        let kinds = [
            Kind(model: model, images: images), Kind(model: model, images: nil), Kind(model: nil, images: nil),
        ]
        return kinds.lazy.compactMap { measured[$0] }.first.map { $0.total / $0.count }
    }
}

extension LimitsReader {
    /// Where a ready job stands, and when its turn comes.
    func place(of id: JobID, gate: QueueGate) throws -> QueuePlace? {
        let line = try QueueLine(self, upTo: id)
        guard line.entries.last?.job == id else {
            return line.entries.count < QueuePlace.furthest ? nil : QueuePlace(place: nil)
        }
        return QueuePlace(place: line.entries.count, startsAt: try start(of: line, gate: gate))
    }

    /// When the last of the line begins: as many calls at once as allowed, each as long as its like have taken.
    private func start(of line: QueueLine, gate: QueueGate) throws -> Timestamp? {
        let durations = try CallDurations(db)
        guard gate.pause == nil, gate.hold == nil, durations.expected(model: nil, images: 1) != nil else { return nil }
        let opening = gate.opens(after: now) ?? now
        let calls = try Row.fetchAll(
            db.cachedStatement(
                sql: """
                    SELECT jobs.request ->> 'model' AS model, images_wanted AS images, begun_at
                    FROM jobs JOIN attempts ON attempts.job = jobs.id AND attempts.number = jobs.attempt
                    WHERE state = 'running' AND phase = 'calling'
                    """))
        // When each place becomes free.
        var free = calls.map { row in
            max(opening, row["begun_at"] + (durations.expected(model: row["model"], images: row["images"]) ?? .zero))
        }
        free += Array(repeating: opening, count: max(policy.concurrency - free.count, 0))
        for entry in line.entries.dropLast() {
            guard let first = free.indices.min(by: { free[$0] < free[$1] }) else { return nil }
            free[first] = free[first] + (durations.expected(model: entry.model, images: entry.images) ?? .zero)
        }
        return free.min()
    }
}
