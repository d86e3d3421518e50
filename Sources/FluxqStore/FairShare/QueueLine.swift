import FluxqModel

/// The order in which the ready jobs of an endpoint would be claimed if nothing else came: fair share played forward from the
/// rows as they are. It reads at most `QueuePlace.furthest` jobs of each lane, however many wait. Jobs of owners at their limits
/// are not in the line, nor are those of closed lanes.
struct QueueLine {
    struct Entry {
        let job: JobID
        let priority: Int
        let images: Int
        let model: String

        func precedes(_ other: Entry) -> Bool { (-priority, job) < (-other.priority, other.job) }
    }

    private(set) var entries: [Entry] = []

    /// One owner's jobs in one lane.
    private struct Source {
        let lane: Lane
        var jobs: [Entry] = []
        var next = 0
        var isRead = false

        /// Twice as many at each time: few for many owners, and few reads for one.
        mutating func read(of owner: OwnerRow, _ reader: LimitsReader) throws {
            guard next == jobs.count, !isRead else { return }
            // At a limit that no claim has come upon yet.
            if jobs.isEmpty, try reader.obstacle(toFirstJobOf: owner, in: lane) != nil {
                isRead = true
                return
            }
            let wanted = min(max(jobs.count, 4), QueuePlace.furthest - jobs.count)
            let rows = try reader.db.rows(
                QueueLine.jobsOfOwner, [owner.uid, lane.endpoint, lane.model, wanted, jobs.count])
            isRead = rows.count < wanted || wanted == 0
            jobs += rows.map {
                Entry(job: $0["id"], priority: $0["priority"], images: $0["images"], model: lane.model)
            }
        }
    }

    /// One owner on the way through the line.
    private struct Party {
        let owner: OwnerRow
        let weight: Int
        var turn: FairShare.Turn
        var sources: [Source]

        /// The owner's next job in any lane.
        mutating func takeNext(_ reader: LimitsReader) throws -> Entry? {
            var first: (source: Int, entry: Entry)?
            for index in sources.indices {
                try sources[index].read(of: owner, reader)
                let source = sources[index]
                guard source.next < source.jobs.count else { continue }
                let entry = source.jobs[source.next]
                if first.map({ entry.precedes($0.entry) }) ?? true { first = (index, entry) }
            }
            guard let first else { return nil }
            sources[first.source].next += 1
            return first.entry
        }
    }

    /// - Parameters:
    ///   - own: a lane that is played whether it is open or not.
    ///   - end: plays no further than to this job.
    init(_ reader: LimitsReader, endpoint: String, own: Lane? = nil, upTo end: JobID? = nil) throws {
        var share = try Self.share(of: endpoint, reader.db)
        // Sorted, the next one last.
        var parties = try Self.parties(reader, endpoint, own)
        while entries.count < QueuePlace.furthest, var party = parties.popLast() {
            guard let entry = try party.takeNext(reader) else { continue }
            entries.append(entry)
            if entry.job == end { return }
            party.turn = share.serve(party.turn, images: entry.images, weight: party.weight)
            var (low, high) = (0, parties.count)
            while low < high {
                let middle = (low + high) / 2
                if party.turn < parties[middle].turn { low = middle + 1 } else { high = middle }
            }
            parties.insert(party, at: low)
        }
    }

    private static func share(of endpoint: String, _ db: any Connection) throws -> FairShare {
        let row = try db.row("SELECT * FROM endpoints WHERE name = ?", [endpoint])
        return FairShare(virtualTime: row?["virtual_time"] ?? 0, turns: row?["turns"] ?? 0)
    }

    private static func parties(_ reader: LimitsReader, _ endpoint: String, _ own: Lane?) throws -> [Party] {
        let rows = try reader.db.rows(
            """
            SELECT owners.*, lines.endpoint, lines.model, coalesce(virtual_time, 0) AS virtual_time,
                coalesce(last_turn, 0) AS last_turn
            FROM lines JOIN owners USING (uid)
            LEFT JOIN shares ON shares.uid = lines.uid AND shares.endpoint = lines.endpoint
            WHERE lines.endpoint = ? AND ready > 0
            """, [endpoint])
        let gates = GateReader(db: reader.db, policy: reader.policy, now: reader.now)
        var isPlayed: [Lane: Bool] = [:]
        var parties: [UInt32: Party] = [:]
        for row in rows {
            let lane = Lane(row)
            let plays = try isPlayed[lane] ?? (lane == own || gates.isOpen(lane))
            isPlayed[lane] = plays
            let uid: UInt32 = row["uid"]
            guard plays, !reader.isMarked(uid, lane) else { continue }
            if parties[uid] == nil {
                let owner = OwnerRow(row)
                let weight = try owner.limits(reader.policy.limits).weight
                parties[uid] = Party(owner: owner, weight: weight, turn: FairShare.Turn(row), sources: [])
            }
            parties[uid]?.sources.append(Source(lane: lane))
        }
        return parties.values.sorted { $1.turn < $0.turn }
    }

    /// An owner's ready jobs in a lane in the claim's order: the uid, the lane, how many, and after how many. Read from the
    /// index alone: what a job asks for stands behind prompts of up to 64 KiB.
    static let jobsOfOwner = """
        SELECT id, priority, images FROM jobs
        WHERE uid = ? AND endpoint = ? AND model = ? AND state = 'queued' AND not_before IS NULL
        ORDER BY priority DESC, id LIMIT ? OFFSET ?
        """
}

extension GateReader {
    /// Whether calls of a lane may begin as far as its own gate goes.
    fileprivate func isOpen(_ lane: Lane) throws -> Bool {
        guard policy.catalog.endpoint(lane.endpoint)?.offers(lane.model) ?? false else { return false }
        let gate = try gate(of: lane)
        return (gate.hold == nil || gate.isForSuspects) && !gate.isRateLimited(at: now)
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

    init(_ db: any Connection) throws {
        let rows = try db.rows(
            """
            SELECT model, images_wanted AS images, begun_at, attempts.settled_at
            FROM attempts JOIN jobs ON jobs.id = attempts.job
            WHERE outcome = 'answered' ORDER BY attempts.settled_at DESC LIMIT ?
            """, [Self.sample])
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
    /// Where a ready job stands among those of its endpoint, and when its turn comes.
    func place(of id: JobID, in lane: Lane, gate: QueueGate) throws -> QueuePlace? {
        let line = try QueueLine(self, endpoint: lane.endpoint, own: lane, upTo: id)
        guard line.entries.last?.job == id else {
            return line.entries.count < QueuePlace.furthest ? nil : QueuePlace(place: nil)
        }
        return QueuePlace(place: line.entries.count, startsAt: try start(of: line, in: lane, gate: gate))
    }

    /// When the last of the line begins: as many calls at once as the endpoint allows, each as long as its like have taken.
    private func start(of line: QueueLine, in lane: Lane, gate: QueueGate) throws -> Timestamp? {
        let durations = try CallDurations(db)
        let own = try GateReader(db: db, policy: policy, now: now).gate(of: lane)
        guard gate.pause == nil, own.hold == nil, let endpoint = policy.catalog.endpoint(lane.endpoint),
            durations.expected(model: nil, images: 1) != nil
        else { return nil }
        let opening = own.opens(after: now) ?? now
        let calls = try db.rows(
            """
            SELECT model, images_wanted AS images, begun_at
            FROM jobs JOIN attempts ON attempts.job = jobs.id AND attempts.number = jobs.attempt
            WHERE phase = 'calling' AND endpoint = ?
            """, [lane.endpoint])
        // When each place becomes free.
        var free = calls.map { row in
            max(opening, row["begun_at"] + (durations.expected(model: row["model"], images: row["images"]) ?? .zero))
        }
        free += Array(repeating: opening, count: max(endpoint.concurrency - free.count, 0))
        for entry in line.entries.dropLast() {
            guard let first = free.indices.min(by: { free[$0] < free[$1] }) else { return nil }
            free[first] = free[first] + (durations.expected(model: entry.model, images: entry.images) ?? .zero)
        }
        return free.min()
    }
}
