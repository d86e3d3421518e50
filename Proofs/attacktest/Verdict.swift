/// The measurements of an attack, and whether they are within bounds.
struct Verdict: Sendable {
    struct Bounds: Sendable {
        /// The 99th percentile of the time that a user who is not attacking needs to look at a job.
        var milliseconds = 100.0
        /// Growth of the daemon's memory since its start. A body over a limit is read in pieces. For each of 512
        /// connections, at most a submission without its picture (1 MiB) and the kernel's buffers are in memory.
        var mebibytes = 256
        /// Connections to the database and similar descriptors, which are opened when they are first needed.
        var descriptors = 16
    }

    let attack: Attack
    /// The number of attempts that the attackers made.
    var cases = 0
    /// The time of each look in microseconds; -1 for one without an answer.
    var looks: [Int] = []
    /// The largest growth since the start, in KiB.
    var memory = 0
    /// The growth since the start, after all attackers have disconnected.
    var descriptors = 0
    var leaks: [String] = []

    /// In milliseconds.
    func percentile(_ share: Double) -> Double {
        let times = looks.filter { $0 >= 0 }.sorted()
        guard !times.isEmpty else { return .infinity }
        return Double(times[min(times.count - 1, Int(Double(times.count) * share))]) / 1000
    }

    func failures(_ bounds: Bounds) -> [String] {
        var failures = leaks
        if cases == 0 { failures.append("nothing was attacked") }
        let unanswered = looks.count { $0 < 0 }
        if unanswered > 0 || looks.isEmpty {
            failures.append("\(unanswered) of \(looks.count) looks were not answered")
        }
        if percentile(0.99) >= bounds.milliseconds {
            failures.append("a look took \(percentile(0.99)) ms at the 99th percentile")
        }
        if memory > bounds.mebibytes << 10 { failures.append("fluxqd took \(memory >> 10) MiB more") }
        if descriptors > bounds.descriptors { failures.append("\(descriptors) descriptors were left open") }
        return failures
    }
}
