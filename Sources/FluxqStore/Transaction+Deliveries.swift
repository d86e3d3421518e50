import FluxqModel

// Conclusions from downloads about the lane that bought the pictures.
extension Transaction {
    /// Notes that a picture of that job was downloaded.
    func noteDelivery(of job: JobID) throws {
        try note(job) { gate, party in gate.recordDelivered(party) }
    }

    /// Notes that a picture of that job could not be downloaded, for any reason, or never can be.
    func noteUndelivered(_ job: JobID, message: PictureTrouble) throws {
        try note(job) { gate, party in
            gate.recordUndelivered(
                party, message: message, now: now, pauses: policy.pauses, using: &generator)
        }
    }

    /// An ended job is ignored: its picture is fetched again because it was found damaged, which says little about
    /// current calls.
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
