package import FluxqModel

extension Store {
    /// A validated edit that is to be queued.
    package struct Order: Hashable, Sendable {
        /// The key that makes a submit idempotent.
        package struct Key: Hashable, Sendable {
            package var text: String
            /// The SHA-256 of the submission under this key.
            package var fingerprint: ContentHash

            package init(text: String, fingerprint: ContentHash) {
                self.text = text
                self.fingerprint = fingerprint
            }
        }

        package var owner: User
        package var request: EditRequest
        /// nil for the first endpoint that offers the request's model.
        package var lane: Lane?
        package var priority: Int
        package var label: String?
        package var notBefore: Timestamp?
        package var onUnknown: OnUnknown
        package var key: Key?
        /// nil for a job that no OpenAI-compatible request makes.
        package var door: Door?

        package init(
            owner: User, request: EditRequest, lane: Lane? = nil, priority: Int = 0, label: String? = nil,
            notBefore: Timestamp? = nil,
            onUnknown: OnUnknown = .fail, key: Key? = nil, door: Door? = nil
        ) {
            self.owner = owner
            self.request = request
            self.lane = lane
            self.priority = priority
            self.label = label
            self.notBefore = notBefore
            self.onUnknown = onUnknown
            self.key = key
            self.door = door
        }
    }

    package enum Submission: Hashable, Sendable {
        case created(Job)
        /// The same key was used before with the same body: this is its job.
        case existing(Job)
        /// The same key was used before with another body.
        case keyReused
        /// The key belongs to a job that has cost money, or may have, and that its owner has forgotten.
        case keyForgotten(JobID)
        /// The request's picture is no input of this owner.
        case unknownInput
        /// A limit of the owner prevents it from being queued.
        case overLimit(LimitReached)
        /// A client waits for its answer, but no call can begin now: the queue is paused, or its lane is held.
        case held(Waiting)
    }

    /// Queues a job, or returns the one that its key already created.
    package func submit(_ order: Order) async throws(StoreError) -> Submission {
        try await write { transaction in try transaction.submit(order) }
    }
}

extension Transaction {
    fileprivate func submit(_ order: Store.Order) throws -> Store.Submission {
        let owner = try remember(order.owner)
        let uid = owner.uid
        if let key = order.key, let earlier = try submission(under: key, of: order.owner) { return earlier }
        let model = order.request.model
        let lane =
            order.lane ?? policy.catalog.lane(for: model)
            ?? Lane(endpoint: policy.catalog.endpoints.first?.name ?? Lane.defaultEndpoint, model: model)
        if let limit = try obstacle(toQueueing: order.request.imagesWanted, in: lane, of: owner) {
            return .overLimit(limit)
        }
        if let door = order.door, door.isAwaited, let refusal = try refusal(of: order, in: lane, owner) {
            return refusal
        }
        var input: ContentHash?
        if case .content(let hash) = order.request.image {
            guard
                try execute(
                    "UPDATE inputs SET used = 1 WHERE uid = ? AND hash = ? AND damaged_at IS NULL", [uid, hash]) == 1
            else {
                return .unknownInput
            }
            input = hash
        }
        let notBefore = order.notBefore.flatMap { $0 > now ? $0 : nil }
        let inserted = try value(
            JobID.self,
            """
            INSERT INTO jobs (uid, endpoint, model, images, label, priority, request, input, on_unknown, key, fingerprint,
                state, not_before, created_at)
            VALUES (:uid, :endpoint, :model, :images, :label, :priority, :request, :input, :on_unknown, :key, :fingerprint,
                'queued', :not_before, :created_at)
            RETURNING id
            """,
            [
                "uid": uid, "endpoint": lane.endpoint, "model": lane.model, "images": order.request.imagesWanted,
                "label": order.label, "priority": order.priority, "request": try jsonText(order.request),
                "input": input, "on_unknown": order.onUnknown.rawValue, "key": order.key?.text,
                "fingerprint": order.key?.fingerprint, "not_before": notBefore, "created_at": now,
            ])
        guard let id = inserted else { throw StoreError.other("the insert of a job gave it no number") }
        if let door = order.door { try record(door, of: id, uid: uid, hasKey: order.key != nil) }
        try recount(id)
        memory.touch(lane, uid)
        try log(.submitted, job: id, uid: uid, state: .queued, actor: uid)
        wakeCalls()
        return .created(try queued(id, order, of: owner, in: lane, notBefore: notBefore))
    }

    /// Builds a job that was just queued, as its rows would give it: it has no calls and no pictures yet.
    private func queued(
        _ id: JobID, _ order: Store.Order, of owner: OwnerRow, in lane: Lane, notBefore: Timestamp?
    ) throws -> Job {
        let limit =
            notBefore == nil
            ? try LimitsReader(db: db, policy: policy, now: now).obstacle(toFirstJobOf: owner, in: lane) : nil
        let waiting = try gate().waiting(
            for: .init(job: id, uid: owner.uid), in: policy.catalog.home(of: lane) == nil ? nil : gate(of: lane),
            spacing: policy.catalog.endpoint(lane.endpoint).flatMap { try spacing(of: $0) }, notBefore: notBefore,
            afterBackoff: false, limit: limit, now: now)
        return Job(
            id: id, owner: User(uid: owner.uid, name: owner.name), label: order.label, priority: order.priority,
            createdAt: now, startedAt: nil, finishedAt: nil, request: order.request, lane: lane,
            lifecycle: Lifecycle(
                state: .queued(notBefore: notBefore, afterBackoff: false), attempt: 0, attempts: 0, strikes: 0,
                onUnknown: order.onUnknown),
            waiting: waiting, limit: limit, pictures: [], answer: nil)
    }

    /// Records an owner with the groups of this visit; new groups may mean other limits. The name stays until an
    /// administrator has decided that it is the same person: see `Store.recognize`.
    @discardableResult
    func remember(_ owner: User) throws -> OwnerRow {
        let groups = try owner.groups.map { try jsonText($0.sorted()) }
        if let known = try self.owner(owner.uid), groups == nil || known.groups == groups { return known }
        try execute(
            """
            INSERT INTO owners (uid, name, groups) VALUES (?, ?, ?)
            ON CONFLICT (uid) DO UPDATE SET groups = excluded.groups
            """,
            [owner.uid, owner.name, groups ?? "[]"])
        memory.touch(owner.uid)
        wakeCalls()
        guard let row = try self.owner(owner.uid) else {
            throw StoreError.other("user \(owner.uid) is gone after being recorded")
        }
        return row
    }
}
