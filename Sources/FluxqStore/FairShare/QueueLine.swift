import FluxqModel

/// The order in which the ready jobs of an endpoint will be claimed if nothing changes: fair share simulated from the
/// current rows. It reads at most `QueuePlace.furthest` jobs of each lane, however many wait. Jobs of owners at their
/// limits and jobs of closed lanes are not in the line.
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

        /// Reads twice as many jobs each time: few for many owners, and few queries for one.
        ///
        /// - Parameter isKept: true if a limit blocks a call of that many images, which no claim has noticed yet.
        mutating func read(
            of uid: UInt32, _ db: any Connection, unless isKept: (Lane, _ images: Int) throws -> Bool
        ) throws {
            guard next == jobs.count, !isRead else { return }
            let before = jobs.count
            // If not even the smallest call is allowed, no job has to be read.
            if before == 0, try isKept(lane, 1) {
                isRead = true
                return
            }
            let wanted = min(max(before, 4), QueuePlace.furthest - before)
            jobs += try db.rows(QueueLine.jobsOfOwner, [uid, lane.endpoint, lane.model, wanted, before]).map { row in
                Entry(job: row[0], priority: row[1], images: row[2], model: lane.model)
            }
            isRead = jobs.count < before + wanted || wanted == 0
            if before == 0, let first = jobs.first, first.images > 1, try isKept(lane, first.images) {
                jobs = []
                isRead = true
            }
        }
    }

    /// The use that counts against the limits of owners in the line. It is read for many owners at once, because a
    /// thousand owners would otherwise take a thousand queries.
    private struct Uses {
        private static let fewest = 8
        let reader: LimitsReader
        private var known: [UInt32: UseByCalls] = [:]

        init(_ reader: LimitsReader) { self.reader = reader }

        /// - Parameter next: the owners that may be needed later, the next one last.
        mutating func use(of uid: UInt32, next: [FairShare.Turn]) throws -> UseByCalls {
            if let use = known[uid] { return use }
            // Reads twice as many each time: a line that ends at its first job reads few.
            let wanted = min(max(known.count, Self.fewest), LimitsReader.mostAtOnce)
            var uids = [uid]
            for turn in next.reversed() where known[turn.uid] == nil {
                uids.append(turn.uid)
                if uids.count == wanted { break }
            }
            // Pads the list, so that there are few different statements.
            uids += repeatElement(uid, count: wanted - uids.count)
            known.merge(try reader.useByCalls(of: uids)) { $1 }
            return known[uid] ?? UseByCalls()
        }
    }

    /// The values that are the same for all rows of a lane, which are adjacent.
    private struct LaneLook {
        let lane: Lane
        let isPlayed: Bool
        let marks: [UInt32: LineMemory.Mark]
    }

    /// One owner in the simulation.
    private final class Party {
        let owner: OwnerRow
        let limits: UserLimits
        /// True if one of the limits can block a call.
        let isLimited: Bool
        var sources: [Source] = []

        init(_ owner: OwnerRow, _ limits: UserLimits) {
            self.owner = owner
            self.limits = limits
            isLimited = limits.concernCalls
        }

        /// Takes the owner's next job in any lane.
        func takeNext(_ db: any Connection, unless isKept: (Lane, _ images: Int) throws -> Bool) throws -> Entry? {
            var first: (source: Int, entry: Entry)?
            for index in sources.indices {
                try sources[index].read(of: owner.uid, db, unless: isKept)
                let next = sources[index].next
                guard next < sources[index].jobs.count else { continue }
                let entry = sources[index].jobs[next]
                if first.map({ entry.precedes($0.entry) }) ?? true { first = (index, entry) }
            }
            guard let first else { return nil }
            sources[first.source].next += 1
            return first.entry
        }
    }

    /// - Parameters:
    /// - own: a lane that is included whether it is open or not.
    ///   - end: the simulation stops at this job.
    init(_ reader: LimitsReader, endpoint: String, own: Lane? = nil, upTo end: JobID? = nil) throws {
        var share = try Self.share(of: endpoint, reader.db)
        // The next turn is the last element.
        let (parties, turns) = try Self.parties(reader, endpoint, own)
        var order = turns
        var uses = Uses(reader)
        while entries.count < QueuePlace.furthest, let turn = order.popLast() {
            guard let party = parties[turn.uid] else { continue }
            let entry = try party.takeNext(reader.db) { lane, images in
                guard party.isLimited else { return false }
                let use = party.owner.use(on: UTCDay(uses.reader.now)).with(try uses.use(of: turn.uid, next: order))
                let call = uses.reader.call(images, in: lane)
                return party.limits.obstacle(to: call, use: use, now: uses.reader.now) != nil
            }
            guard let entry else { continue }
            entries.append(entry)
            if entry.job == end { return }
            let next = share.serve(turn, images: entry.images, weight: party.limits.weight)
            order.insert(next, at: order.partitioningIndex { $0 <= next })
        }
    }

    private static func share(of endpoint: String, _ db: any Connection) throws -> FairShare {
        let row = try db.row("SELECT * FROM endpoints WHERE name = ?", [endpoint])
        return FairShare(virtualTime: row?["virtual_time"] ?? 0, turns: row?["turns"] ?? 0)
    }

    /// The owners with ready jobs in the included lanes, and their turns, the next one last.
    private static func parties(
        _ reader: LimitsReader, _ endpoint: String, _ own: Lane?
    ) throws -> ([UInt32: Party], [FairShare.Turn]) {
        let sql = """
            SELECT \(OwnerRow.columns), lines.model, coalesce(virtual_time, 0), coalesce(last_turn, 0)
            FROM lines JOIN owners ON owners.uid = lines.uid
            LEFT JOIN shares ON shares.uid = lines.uid AND shares.endpoint = lines.endpoint
            WHERE lines.endpoint = ? AND ready > 0 ORDER BY lines.model
            """
        let gates = GateReader(db: reader.db, policy: reader.policy, now: reader.now)
        var look: LaneLook?
        var parties: [UInt32: Party] = [:]
        var turns: [FairShare.Turn] = []
        try reader.db.forEachRow(sql, [endpoint]) { row in
            let model: String = row[OwnerRow.columnCount]
            if look?.lane.model != model {
                let lane = Lane(endpoint: endpoint, model: model)
                look = LaneLook(
                    lane: lane, isPlayed: try lane == own || gates.isOpen(lane), marks: reader.marks(in: lane))
            }
            let uid: UInt32 = row[0]
            guard let look, look.isPlayed, look.marks[uid] == nil else { return true }
            if let party = parties[uid] {
                party.sources.append(Source(lane: look.lane))
                return true
            }
            let owner = OwnerRow(row)
            let party = Party(owner, try owner.limits(reader.policy.limits))
            party.sources.append(Source(lane: look.lane))
            parties[uid] = party
            turns.append(
                FairShare.Turn(
                    virtualTime: row[OwnerRow.columnCount + 1], lastTurn: row[OwnerRow.columnCount + 2], uid: uid))
            return true
        }
        return (parties, turns.sorted { $1 < $0 })
    }

    /// An owner's ready jobs in a lane in the claim's order: the uid, the lane, the count and the offset. It reads only
    /// the index, because the rows have prompts of up to 64 KiB before the other columns.
    static let jobsOfOwner = """
        SELECT id, priority, images FROM jobs
        WHERE uid = ? AND endpoint = ? AND model = ? AND state = 'queued' AND not_before IS NULL
        ORDER BY priority DESC, id LIMIT ? OFFSET ?
        """
}

extension GateReader {
    /// True if the lane's own gate allows calls.
    fileprivate func isOpen(_ lane: Lane) throws -> Bool {
        guard policy.catalog.endpoint(lane.endpoint)?.offers(lane.model) ?? false else { return false }
        let gate = try gate(of: lane)
        return (gate.hold == nil || gate.isForSuspects) && !gate.isRateLimited(at: now)
    }
}

/// The durations of calls, from the latest answered ones.
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
            // A clock that was set during a call makes its duration meaningless.
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

    /// The mean for the same model and number of images; without samples, for the model; then for all calls. nil
    /// without any samples.
    func expected(model: String?, images: Int) -> Duration? {
        let kinds = [
            Kind(model: model, images: images), Kind(model: model, images: nil), Kind(model: nil, images: nil),
        ]
        return kinds.lazy.compactMap { measured[$0] }.first.map { $0.total / $0.count }
    }
}

extension LimitsReader {
    /// The position of a ready job among those of its endpoint, and the expected time of its call.
    func place(of id: JobID, in lane: Lane, gate: QueueGate) throws -> QueuePlace? {
        let line = try QueueLine(self, endpoint: lane.endpoint, own: lane, upTo: id)
        guard line.entries.last?.job == id else {
            return line.entries.count < QueuePlace.furthest ? nil : QueuePlace(place: nil)
        }
        return QueuePlace(place: line.entries.count, startsAt: try start(of: line, in: lane, gate: gate))
    }

    /// The time when the last job of the line starts. It assumes the endpoint's concurrency, and the mean duration of
    /// similar calls.
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
        // The time when each place becomes free.
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
