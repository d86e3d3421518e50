/// The totals of a run of seeds.
struct Figures {
    var seeds = 0
    var steps = 0
    var moves = 0
    var jobs = 0
    var calls = 0
    var billed = 0
    var unknown = 0
    var crashes = 0
    var drains = 0
    var fullDisks = 0
    var clockJumps = 0
    var pauses = 0
    /// Requests to the OpenAI-compatible routes; how many of them got the job of another one; how often a client hung up.
    var requests = 0
    var joined = 0
    var hangUps = 0
    /// Jobs by their end: done, or the reason why they failed.
    var ends: [String: Int] = [:]
    /// Seeds that were run a second time with the same result, step for step.
    var replayed = 0

    static func + (left: Figures, right: Figures) -> Figures {
        var sum = left
        for figure in all { sum[keyPath: figure.value] += right[keyPath: figure.value] }
        sum.ends.merge(right.ends) { $0 + $1 }
        return sum
    }

    var words: String {
        Self.all.map { "\(self[keyPath: $0.value]) \($0.name)" }.joined(separator: ", ") + "; jobs ended "
            + ends.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
    }

    private static var all: [(name: String, value: WritableKeyPath<Figures, Int>)] {
        [
            ("seeds", \.seeds), ("steps", \.steps), ("moves", \.moves), ("jobs", \.jobs), ("calls", \.calls),
            ("billed", \.billed), ("unknown", \.unknown), ("crashes", \.crashes), ("drains", \.drains),
            ("full disks", \.fullDisks), ("clock jumps", \.clockJumps), ("pauses", \.pauses),
            ("requests of OpenAI's clients", \.requests), ("joined", \.joined), ("hang-ups", \.hangUps),
            ("replayed alike", \.replayed),
        ]
    }
}
