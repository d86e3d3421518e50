import FluxqControl
import FluxqDiskFaults
import FluxqModel
import FluxqProofKit
import FluxqSandbox
import FluxqTestSupport
import Foundation
import GRDB

/// One moment at which the power fails.
struct Moment: Sendable {
    /// The number of records before it.
    let index: Int
    /// A name such as "before fsync 17".
    let name: String
    let cut: PowerCut
    let image: DirectoryImage
}

/// Starts the daemon on the contents that a power cut has left, lets it finish, and checks the promises.
struct Replayer: Sendable {
    let recording: Recording
    /// Serves only the calls of the replays.
    let api: ProofAPI
    /// This replayer's own directory; created again for each replay.
    let directory: String
    /// Each mark with its index in the trace.
    let marks: [(index: Int, mark: Mark)]

    /// - Returns: the violations.
    func replay(_ moment: Moment) async throws -> [String] {
        try moment.image.write(to: "\(directory)/state")
        var setup = DaemonProcess.Setup(directory: directory, environment: api.environment)
        // Links of answers from before the cut lead to the API that gave them.
        let hosts = [api, recording.api].compactMap { $0.environment["FLUXQ_DOWNLOADS_TRUSTED_HOSTS"] }
        setup.environment["FLUXQ_DOWNLOADS_TRUSTED_HOSTS"] = hosts.joined(separator: ",")
        try api.forgetCalls()

        let daemon = try DaemonProcess(setup)
        guard case .ready = try await daemon.readiness() else {
            return ["fluxqd does not start: \(daemon.process.errors)"]
        }
        do {
            try await daemon.settle()
        } catch {
            await daemon.kill()
            return ["fluxqd does not finish: \(error)"]
        }
        let end = await daemon.stop()
        var violations = end == .exit(0) ? [] : ["fluxqd ended with \(end): \(daemon.process.errors)"]

        let database = "\(setup.stateDirectory)/queue.sqlite"
        let before = marks.prefix { $0.index < moment.index }.map(\.mark)
        let invariants = try await Invariants(
            stateDirectory: setup.stateDirectory, submitted: submitted(before),
            calls: try await calls(at: moment, before, database))
        violations += try await invariants.violations().map(\.description)
        return violations + (try await lost(before, invariants.state, database))
    }

    private func submitted(_ marks: [Mark]) -> [SubmittedJob] {
        var acknowledged: [String: Int64] = [:]
        for mark in marks { if case .submitted(let prompt, let job) = mark.seen { acknowledged[prompt] = job } }
        return recording.submitted.map { job in
            var job = job
            job.acknowledged = acknowledged[job.prompt]
            return job
        }
    }

    /// The API's ledger as it was at the cut, and the replay's own calls.
    ///
    /// A call between the marks before and after the cut may belong to either side of it. It belongs to the past
    /// exactly if the database has its number or its pictures.
    private func calls(at moment: Moment, _ before: [Mark], _ database: String) async throws -> [SandboxLedger.Entry] {
        let certain = before.last?.calls ?? 0
        let possible = marks.first { $0.index >= moment.index }?.mark.calls ?? recording.calls.count
        let (known, unnamed) = try await DatabaseQueue(path: database).read { db in
            (
                Set(try String.fetchAll(db, sql: "SELECT request_id FROM attempts WHERE request_id IS NOT NULL")),
                // Its pictures were found, but its number was lost in the cut.
                Set(
                    try String.fetchAll(
                        db,
                        sql: """
                            SELECT request ->> 'prompt' FROM jobs JOIN attempts ON job = id
                            WHERE billing = 'billed' AND request_id IS NULL
                            """))
            )
        }
        return recording.calls[..<certain]
            + recording.calls[certain..<max(certain, possible)].filter { call in
                known.contains(call.id) || call.prompt.map(unnamed.contains) ?? false
            }
            + (try await api.ledger())
    }

    /// Returns the facts that a client was told before the cut and that are no longer true.
    private func lost(_ marks: [Mark], _ state: StateSnapshot, _ database: String) async throws -> [String] {
        let events = try await DatabaseQueue(path: database).read { db in
            try Row.fetchAll(db, sql: "SELECT id, at, job, uid, actor, kind, state FROM events").map { row in
                EventDocument(
                    id: row["id"], at: WireTime(Timestamp(rawValue: row["at"])), job: row["job"], uid: row["uid"],
                    actor: row["actor"], kind: row["kind"], state: row["state"])
            }
        }
        let told = Set(events)
        let inputs = Set(state.contents.filter { $0.owner.hasPrefix("an input") }.map(\.hash))
        let jobs = Dictionary(state.jobs.map { ($0.id, $0) }) { first, _ in first }
        return marks.compactMap { mark in
            switch mark.seen {
            case .submitted: return nil
            case .input(let hash):
                return inputs.contains(String(hash.dropFirst("sha256:".count))) ? nil : "the input \(hash) is gone"
            case .event(let event):
                return told.contains(event) ? nil : "event \(event.id) (\(event.kind) of job \(event.job ?? 0)) is gone"
            case .ended(let id, let was, let reason, let pictures):
                let saved = state.pictures.filter { $0.job == id && $0.state == "saved" }.compactMap(\.hash)
                guard let job = jobs[id], job.state == was, job.reason == reason,
                    pictures.allSatisfy({ saved.contains(String($0.dropFirst("sha256:".count))) })
                else { return "job \(id) was \(was) \(reason ?? "") with \(pictures), and is not" }
                return nil
            }
        }
    }
}
