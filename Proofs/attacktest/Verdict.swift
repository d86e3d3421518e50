/// How an attack went, and whether that is good enough.
struct Verdict: Sendable {
    struct Bounds: Sendable {
        /// A look at a job of somebody who is not attacking, at the 99th percentile.
        var milliseconds = 100.0
        /// Over what the daemon takes when it has just begun. A body over a limit is read in pieces; what lies in memory is
        /// at most a submission without its picture (1 MiB) and what the kernel holds, for each of 512 connections.
        var mebibytes = 256
        /// Connections to the database and the like that are opened when they are first needed.
        var descriptors = 16
    }

    let attack: Attack
    /// What the attackers tried.
    var cases = 0
    /// Microseconds of each look; -1 for one without an answer.
    var looks: [Int] = []
    /// Over the beginning, in KiB, at the most.
    var memory = 0
    /// Over the beginning, when all attackers are gone.
    var descriptors = 0
    var leaks: [String] = []

    /// Milliseconds.
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
