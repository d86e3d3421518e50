import FluxqControl
import FluxqControlServer
import FluxqModel
import FluxqStore
import FluxqWords
import HTTPTypes
import HummingbirdCore
import Logging
import ServiceLifecycle

extension Door {
    /// The client of a request, for work that outlives the reading of it.
    struct Client: Sendable {
        let user: User
        let connection: ConnectionState

        init(_ call: Call) {
            user = call.caller.user
            connection = call.connection
        }
    }

    /// A request whose body was read, with the properties that its headers give.
    private struct Order {
        var reading: DoorForm.Reading
        var image: SubmittedImage
        /// nil if its picture cannot be read.
        var fingerprint: ContentHash?
        var key: String?
        var wish: RequestMatch.Wish
        var isAwaited: Bool
    }

    /// `POST /v1/images/generations` and `/v1/images/edits`.
    ///
    /// - Parameter isEdit: a picture is required, whatever the model.
    func createImage(_ call: Call, isEdit: Bool) async throws -> Reply {
        let deadline = ContinuousClock.now + patience(call.head)
        var reader = FormReader(call, routes)
        let form = try await reader.read()
        let order = try await order(form, isEdit: isEdit, call)
        let seat: WaitingRoom.Seat
        switch try await admit(order, call) {
        case .seated(let taken): seat = taken
        case .refused(let refusal): throw refusal.problem
        }
        routes.userLog.log(
            .info, seat.isJoined ? "A request joined a job." : "A job was submitted.", of: call.caller.uid,
            ["job.id": "\(seat.job)"])
        if !order.isAwaited {
            let job = try await job(seat.job, of: call.caller.user)
            seat.leave()
            return try await answer(with: job, isReplay: seat.isJoined, order.reading, call, seat)
        }
        if order.reading.isStreamed {
            return streamed(
                isEdit ? "image_edit.completed" : "image_generation.completed", order.reading, seat, Client(call))
        }
        let job: Job
        do {
            job = try await end(of: seat, Client(call), until: deadline) { throw DoorError.stillRunning($0) }
        } catch {
            seat.leave()
            throw error
        }
        return try await answer(with: job, isReplay: seat.isJoined, order.reading, call, seat)
    }

    /// `GET /v1/images/generations/{id}`: the answer of a request that did not wait.
    func collect(_ call: Call, _ text: String) async throws -> Reply {
        guard let id = JobID(text), id.description == text else { throw Problem.noSuchJob }
        let job = try await job(id, of: call.caller.user)
        let connection = call.connection
        let seat = room.attend(id, of: call.caller.uid) { !(await connection.clientHasClosedItsSide()) }
        return try await answer(with: job, isReplay: false, DoorForm.Reading(), call, seat)
    }

    private func order(_ form: DoorForm, isEdit: Bool, _ call: Call) async throws -> Order {
        var reading = form.reading(by: settings, routes.settings.catalog)
        if isEdit, form.pictures == 0 {
            let problem = "is missing: send the picture to edit. Without one, use /v1/images/generations"
            reading.wrong.append(.init(field: "image", problem: problem))
        }
        let headers = call.head.headerFields
        let retries = headers[.retryCount].flatMap { Int($0) } ?? 0
        return Order(
            reading: reading, image: form.image,
            fingerprint: reading.wrong.isEmpty
                ? try await routes.fingerprint(of: JobSubmission(request: reading.submission.request), form.image)
                : nil,
            key: try IdempotencyKey(headers)?.text,
            wish: .init(isRetry: retries > 0, wantsAnother: headers[.again]?.lowercased() == "yes"),
            isAwaited: !Preference.isAsynchronous(headers))
    }

    private func admit(_ order: Order, _ call: Call) async throws -> WaitingRoom.Admission {
        let caller = call.caller
        let connection = call.connection
        let key = order.key.flatMap { text in
            order.fingerprint.map { Store.Order.Key(text: text, fingerprint: $0) }
        }
        return try await room.admit(
            // A key is the client's own word on which requests are the same.
            order.wish, fingerprint: key == nil ? order.fingerprint : nil, of: caller.user, age: settings.adoptTime,
            isAwaited: order.isAwaited, isThere: { !(await connection.clientHasClosedItsSide()) }
        ) {
            // Nothing is bought for a client that has gone before anything was queued.
            if connection.hasClientLeft { throw ClientGone() }
            // Looked up before the check: a client that lost the answer gets the job, whatever has changed since.
            if let key, let earlier = try await routes.store.submission(under: key, of: caller.user) { return earlier }
            let catalog = routes.settings.catalog
            let submission = try await routes.check(
                (order.reading.submission, order.reading.wrong), order.image, catalog, of: caller.uid)
            let submitted = try await routes.submit(
                submission, under: key, order.image, catalog, of: caller,
                door: order.fingerprint.map { .init(fingerprint: $0, isAwaited: order.isAwaited) })
            CrashPoint.submitCommitted.pass()
            return submitted
        }
    }

    private struct ClientGone: Error {}

    private func job(_ id: JobID, of user: User) async throws -> Job {
        // An administrator too gets only its own jobs here.
        let found = try await routes.perUserLock.take(user.uid) {
            try await routes.store.job(id, for: Caller(user))
        }
        guard let found else { throw Problem.noSuchJob }
        return found
    }

    // MARK: Waiting

    /// The time that a client declares to wait, less a margin in which the answer can arrive; at most
    /// `door.patience_seconds`.
    private func patience(_ head: HTTPRequest) -> Duration {
        let declared = [HTTPField.Name.readTimeout, .timeout].compactMap { head.headerFields[$0].flatMap(Double.init) }
            .filter { $0.isFinite && $0 > 0 }.min()
        guard let declared, declared < 86_400 else { return settings.patience }
        return min(.seconds(declared > 10 ? declared - 5 : declared / 2), settings.patience)
    }

    /// The job once it has ended.
    ///
    /// - Parameter timeIsUp: called at the deadline with the job as it is; returns the next deadline.
    /// - Throws: `DoorError` if fluxqd stops or the client has gone; `Problem` if the job would wait for another day.
    func end(
        of seat: WaitingRoom.Seat, _ client: Client, until first: ContinuousClock.Instant,
        timeIsUp: (Job) async throws -> ContinuousClock.Instant
    ) async throws -> Job {
        var deadline = first
        while true {
            let seen = routes.store.signal.count
            let job = try await job(seat.job, of: client.user)
            if job.hasEnded { return job }
            try await checkLimit(of: job)
            switch await change(of: job, after: seen, until: deadline, seat, client.connection) {
            case .changed: continue
            case .timeUp: deadline = try await timeIsUp(job)
            case .over: throw DoorError.stillRunning(job)
            }
        }
    }

    /// Waits for a change of the job. If the client stops sending, it has most likely gone, and others may have its
    /// place; but it gets its answer if it is still there.
    private func change(
        of job: Job, after seen: UInt64, until deadline: ContinuousClock.Instant, _ seat: WaitingRoom.Seat,
        _ connection: ConnectionState
    ) async -> Wake {
        let wake = await routes.change(of: [.job(job.id)], after: seen, until: deadline) {
            await connection.clientStopsSending()
        }
        guard wake == .over, connection.clientClosedItsSide, !connection.hasClientLeft, !Task.isShuttingDownGracefully
        else {
            return wake
        }
        seat.leave()
        return await routes.change(of: [.job(job.id)], after: seen, until: deadline) { await connection.clientLeaves() }
    }

    /// A job that has to wait for another day would keep its client waiting in vain.
    private func checkLimit(of job: Job) async throws {
        guard let limit = job.limit, limit.kind != .runningJobs else { return }
        guard case .granted = try await routes.store.cancel(job.id, by: Caller(job.owner)) else { return }
        throw Problem.overLimit(limit, "Nothing was bought.")
    }

    // MARK: Answering

    /// The answer for a job as it is. Whether it is delivered is noted once it is known.
    private func answer(
        with job: Job, isReplay: Bool, _ reading: DoorForm.Reading, _ call: Call, _ seat: WaitingRoom.Seat
    ) async throws -> Reply {
        // Of a HEAD request nothing is delivered.
        let hasBody = call.head.method != .head
        let settle: @Sendable (Bool) async -> Void = { isTaken in
            if isTaken, hasBody { await noteDelivery(of: job) }
            seat.leave()
        }
        switch job.lifecycle.state {
        case .queued, .running:
            seat.leave()
            return Reply(try pending(job))
        case .failed(let failure):
            var response = DoorError(failure, of: job.id).response
            if isReplay { response.headers[.replayed] = "true" }
            return Reply(response, settle: settle)
        case .done(let warning):
            do {
                let pictures = try await PictureAnswer(job, routes.quarantine)
                let note = note(of: job, pictures, isReplay: isReplay, reading)
                var response = try pictures.response(
                    forms: forms(reading), base: "http://\(call.head.safeAuthority)", note: note)
                response.headers[.job] = "\(job.id)"
                response.headers[.cost] = note.cost
                if isReplay { response.headers[.replayed] = "true" }
                response.headers[.ignored] = reading.ignoredHeader
                if warning != nil {
                    response.headers[.warning] = "fewer pictures than requested; fluxq status \(job.id)"
                }
                CrashPoint.doorAnswerMade.pass()
                return Reply(response, settle: settle)
            } catch {
                seat.leave()
                throw error
            }
        }
    }

    func noteDelivery(of job: Job) async {
        CrashPoint.doorAnswerTaken.pass()
        guard let end = job.finishedAt else { return }
        do {
            try await routes.store.noteDelivery(of: job.id, finishedAt: end)
            CrashPoint.doorDeliveryNoted.pass()
        } catch {
            // The next identical request gets this answer again, at no cost.
            routes.userLog.log(
                .warning, "Cannot record that an answer was delivered.", of: job.owner.uid,
                ["job.id": "\(job.id)", "error": "\(error)"])
        }
    }

    /// The forms of a picture. Clients of OpenAI's own models expect base64; others read whichever they know.
    private func forms(_ reading: DoorForm.Reading) -> Set<EditRequest.ResponseFormat> {
        if let format = reading.format { return [format] }
        return reading.namedModel?.hasPrefix("gpt-image") == true ? [.b64JSON] : [.b64JSON, .url]
    }

    func note(
        of job: Job, _ pictures: PictureAnswer, isReplay: Bool, _ reading: DoorForm.Reading
    ) -> PictureAnswer.Note {
        var note = PictureAnswer.Note(
            job: job.id.rawValue, seed: job.request.seed, images: pictures.items.map(\.picture.hash.description),
            replayed: isReplay)
        if let cost = job.cost {
            note.cost = isReplay ? "0" : FixedPoint.text(cost.micros, decimals: 6)
            note.currency = cost.currency
        }
        if case .done(let warning?) = job.lifecycle.state { note.warning = warning.words }
        if !reading.ignored.isEmpty { note.ignored = reading.ignored }
        return note
    }

    /// 202: the job is not over.
    private func pending(_ job: Job) throws -> Response {
        struct Document: Encodable {
            let id: String
            let object = "image.generation"
            let created: Int64
            let status: String
            let fluxq: Note

            struct Note: Encodable { let job: Int64 }
        }
        var status = "in_progress"
        if case .queued = job.lifecycle.state { status = "queued" }
        var response = try Response(
            Document(
                id: "\(job.id)", created: job.createdAt.rawValue / 1000, status: status,
                fluxq: .init(job: job.id.rawValue)), status: .accepted)
        response.headers[.job] = "\(job.id)"
        response.headers[.location] = "/v1/images/generations/\(job.id)"
        response.headers[.retryAfter] = "5"
        response.headers[.preferenceApplied] = "respond-async"
        return response
    }
}

extension Store.Submission {
    /// Why no job was made.
    fileprivate var problem: any Error {
        switch self {
        case .held(let waiting): DoorError.held(waiting)
        case .overLimit(let reached): Problem.overLimit(reached, "Nothing was queued.")
        case .keyReused: Problem.keyReused
        case .keyForgotten(let job): Problem.keyForgotten(job)
        case .unknownInput, .created, .existing: Problem.failed
        }
    }
}

extension Job {
    fileprivate var hasEnded: Bool {
        switch JobState(lifecycle.state) {
        case .done, .failed: true
        case .queued, .running: false
        }
    }

    /// The cost of all its calls, as far as they have prices.
    fileprivate var cost: (micros: Int64, currency: String)? {
        let billed = ledger.filter { $0.billing == .billed || $0.billing == .unknown }
        guard let currency = billed.lazy.compactMap(\.currency).last else { return nil }
        let micros = billed.filter { $0.currency == currency }.reduce(Int64(0)) { sum, entry in
            // A billed call without a picture counts at its full size.
            let images = entry.imagesCame.flatMap { $0 > 0 ? $0 : nil } ?? entry.imagesWanted
            return sum + (entry.priceMicros ?? 0) * Int64(images)
        }
        return (micros, currency)
    }
}

extension DoorForm.Reading {
    private static let longestHeader = 1000

    /// The names of the ignored fields, as a header can hold them.
    fileprivate var ignoredHeader: String? {
        let names = ignored.filter { name in
            !name.isEmpty && name.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
        }
        return names.isEmpty ? nil : String(names.joined(separator: ", ").prefix(Self.longestHeader))
    }
}

extension HTTPRequest {
    /// The host that the client named, for links; `localhost` if it is not one.
    fileprivate var safeAuthority: String {
        guard let authority, !authority.isEmpty, authority.utf8.count <= 255,
            authority.utf8.allSatisfy({ byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || "-._:[]".utf8.contains(byte)
            })
        else { return "localhost" }
        return authority
    }
}
