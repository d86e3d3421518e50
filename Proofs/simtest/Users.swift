import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
import NIOCore

/// An edit that a user submitted, and the answers that the user got.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Edit: @unchecked Sendable {
    let order: Store.Order
    /// The way in which its calls always fail; nil if they do not.
    let way: Hostility?
    /// The number of its job, once a client got it; nil again once the job is forgotten.
    var job: JobID?
    /// The jobs for this edit that the owner has forgotten.
    fileprivate(set) var forgotten: Set<JobID> = []
    /// Retries by hand that were granted, or may have been when fluxqd died.
    var retries = 0

    init(order: Store.Order, way: Hostility?) {
        self.order = order
        self.way = way
    }

    var prompt: String { order.request.prompt }
}

/// Users who submit, cancel, retry and fetch pictures through the store's own verbs.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Users: @unchecked Sendable {
    private let administrator = Caller(uid: 0, name: "root", groups: [], isAdministrator: true)
    private let dice: Dice
    private let clock: SimulatedClock
    private let trace: Trace
    private let executor: SimulatedExecutor
    /// True if an out-of-space error may be correct.
    private let diskMayBeFull: () -> Bool
    let scene: Scene
    /// All users who submit.
    let owners: [User]
    private(set) var edits: [Edit] = []
    private var inputs: [(owner: User, hash: ContentHash)] = []

    init(
        scene: Scene, dice: Dice, clock: SimulatedClock, trace: Trace, executor: SimulatedExecutor,
        diskMayBeFull: @escaping () -> Bool
    ) {
        self.scene = scene
        self.dice = dice
        self.clock = clock
        self.trace = trace
        self.executor = executor
        self.diskMayBeFull = diskMayBeFull
        owners = scene.owners + (scene.ways.isEmpty ? [] : [Scene.mallory])
    }

    func edit(_ prompt: String) -> Edit? { edits.first { $0.prompt == prompt } }

    func bringInput(to life: DaemonLife) {
        let owner = dice.pick(owners)
        let contents = dice.pick(Contents.pictures)
        visit(life, "\(owner.name) brings a picture") { [self] in
            let file = try await life.archive.spool.receive(limit: 1 << 20)
            try await file.write(ByteBuffer(bytes: contents.bytes))
            guard case .success(let stored) = try await life.archive.storePicture(file) else {
                return trace.violate("the archive takes a whole picture for none")
            }
            try await life.store.addInput(stored, owner: owner)
            inputs.append((owner, stored.hash))
        }
    }

    func submit(to life: DaemonLife) throws {
        let owner = dice.pick(owners)
        var draft = EditRequest.Draft()
        draft.prompt = "edit \(edits.count + 1)"
        draft.model = dice.pick(scene.catalog.models)
        draft.n = dice.pick([nil, 1, 2, 4])
        draft.image = dice.pick(inputs.filter { $0.owner == owner }.map { .content($0.hash) } + [nil])
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        let key: Store.Order.Key? =
            dice.chance(0.5) ? .init(text: request.prompt, fingerprint: dice.pick(Contents.pictures).hash) : nil
        let edit = Edit(
            order: .init(
                owner: owner, request: request, priority: dice.pick([0, 0, 5, -5]),
                notBefore: dice.chance(0.2) ? clock.now() + dice.pause(upTo: 86_400_000) : nil,
                onUnknown: dice.chance(0.3) ? .retry : .fail, key: key),
            way: owner == Scene.mallory ? dice.pick(scene.ways) : nil)
        edits.append(edit)
        submit(edit, to: life)
    }

    /// Submits a minimal job on a lane, for measurements.
    func submit(on lane: Lane, by owner: User, to life: DaemonLife) throws {
        var draft = EditRequest.Draft()
        draft.prompt = "edit \(edits.count + 1)"
        draft.model = lane.model
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        let edit = Edit(
            order: .init(owner: owner, request: request), way: owner == Scene.mallory ? dice.pick(scene.ways) : nil)
        edits.append(edit)
        submit(edit, to: life)
    }

    /// The number of edits that the owner has submitted.
    func edits(of owner: User) -> Int { edits.count { $0.order.owner == owner } }

    /// Submits again under the same key, as a client does that got no answer.
    func submitAgain(to life: DaemonLife) {
        let keyed = edits.filter { $0.order.key != nil }
        if !keyed.isEmpty { submit(dice.pick(keyed), to: life) }
    }

    private func submit(_ edit: Edit, to life: DaemonLife) {
        visit(life, "\(edit.order.owner.name) submits \"\(edit.prompt)\"") { [self] in
            let submission = try await life.store.submit(edit.order)
            guard isHeard(life) else { return }
            switch submission {
            case .created(let job), .existing(let job):
                if let known = edit.job, known != job.id {
                    trace.violate("\"\(edit.prompt)\" was job \(known), and now is job \(job.id)")
                }
                // The job may have been forgotten since it was found.
                if !edit.forgotten.contains(job.id) { edit.job = job.id }
                trace.say("job \(job.id) is \"\(edit.prompt)\"")
            // The input has been forgotten meanwhile, or the owner's queue is full.
            case .unknownInput, .overLimit: break
            case .held: trace.violate("\"\(edit.prompt)\" was refused, although no client waits for its answer")
            case .keyReused: trace.violate("\"\(edit.prompt)\" was refused as another's key")
            case .keyForgotten(let job):
                if !edit.forgotten.contains(job) {
                    trace.violate("\"\(edit.prompt)\" was refused as forgotten, which nobody has asked for")
                }
            }
        }
    }

    func cancel(in life: DaemonLife) {
        guard let edit = anyEdit(), let job = edit.job else { return }
        visit(life, "\(edit.order.owner.name) cancels job \(job)") { [self] in
            let result = try await life.store.cancel(job, uid: edit.order.owner.uid)
            if case .noSuchJob = result { mustBeForgotten(job, edit) }
        }
    }

    func retry(in life: DaemonLife) {
        guard let edit = anyEdit(), let job = edit.job else { return }
        edit.retries += 1
        visit(life, "\(edit.order.owner.name) retries job \(job)") { [self] in
            let result: ChangeResult
            do {
                result = try await life.store.retry(job, uid: edit.order.owner.uid)
            } catch {
                if isHeard(life) { edit.retries -= 1 }
                throw error
            }
            guard isHeard(life) else { return }
            switch result {
            case .granted: return
            case .noSuchJob: mustBeForgotten(job, edit)
            case .forbidden, .overLimit: break
            }
            edit.retries -= 1
        }
    }

    /// Tries jobs in every state: only a job that has ended may be forgotten, and none with a picture still to be
    /// fetched.
    func forget(in life: DaemonLife) {
        guard let edit = anyEdit(), let job = edit.job else { return }
        let owner = edit.order.owner
        let query = ForgetQuery(ids: [job], endedBefore: clock.now() + .seconds(1_000_000_000))
        visit(life, "\(owner.name) forgets job \(job)") {
            _ = try await life.store.forget(query, of: owner.uid, by: owner.uid)
        }
    }

    /// Notes a forgotten job from the event log. Another job may be submitted under its key if it has cost nothing.
    func noteForgotten(_ job: JobID) {
        guard let edit = edits.first(where: { $0.job == job }) else { return }
        edit.job = nil
        edit.forgotten.insert(job)
    }

    private func mustBeForgotten(_ job: JobID, _ edit: Edit) {
        if !edit.forgotten.contains(job) { trace.violate("job \(job) was acknowledged and is gone") }
    }

    func pause(in life: DaemonLife) {
        visit(life, "root pauses the queue") { [administrator] in
            _ = try await life.store.pause(by: administrator)
        }
    }

    func resume(in life: DaemonLife) {
        visit(life, "root resumes the queue") { [administrator] in
            _ = try await life.store.resume(by: administrator)
        }
    }

    func wait(in life: DaemonLife) {
        guard let edit = anyEdit(), let job = edit.job else { return }
        trace.say("\(edit.order.owner.name) waits for job \(job)")
        life.wait(for: job, of: edit.order.owner, executor, trace)
    }

    private func anyEdit() -> Edit? {
        let known = edits.filter { $0.job != nil }
        return known.isEmpty ? nil : dice.pick(known)
    }

    /// False if the daemon died before it could give an answer.
    private func isHeard(_ life: DaemonLife) -> Bool { life.isReachable }

    private func visit(_ life: DaemonLife, _ what: String, _ work: @escaping @Sendable () async throws -> Void) {
        trace.say(what)
        life.visit(executor) { [self] in
            do {
                try await work()
            } catch {
                guard isHeard(life) else { return }
                switch error {
                case StoreError.full where diskMayBeFull(), ArchiveError.full where diskMayBeFull():
                    trace.say("\(what): the disk is full")
                default: trace.violate("\(what): \(error)")
                }
            }
        }
    }
}
