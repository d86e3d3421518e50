import FluxqModel

// What downloads say about the lane that bought the pictures.
extension Transaction {
    /// A picture of that job was downloaded.
    func noteDelivery(of job: JobID) throws {
        try note(job) { gate, party in gate.recordDelivered(party) }
    }

    /// A picture of that job could not be downloaded, for whatever reason, or can never be.
    func noteUndelivered(_ job: JobID, message: String) throws {
        try note(job) { gate, party in
            gate.recordUndelivered(
                party, message: message, now: now, pauses: policy.pauses, using: &generator)
        }
    }

    /// A job that has ended had its pictures once: one that is fetched again, because it was found damaged, says little about
    /// what is bought now.
    private func note(_ job: JobID, _ change: (inout LaneGate, LaneGate.Party) -> Void) throws {
        guard
            let row = try row(
                "SELECT endpoint, model, uid FROM jobs WHERE id = ? AND state = 'running' AND phase = 'archiving'",
                [job])
        else { return }
        var gate = try gate(of: Lane(row))
        change(&gate, LaneGate.Party(job: job, uid: row["uid"]))
        try write(gate, of: Lane(row))
    }
}
