/// Times that were measured individually.
struct Samples: Sendable {
    private let sorted: [Duration]

    init(_ times: [Duration]) throws {
        guard !times.isEmpty else { throw Failure("nothing was measured") }
        sorted = times.sorted()
    }

    var median: Double { milliseconds(at: 0.5) }
    var percentile99: Double { milliseconds(at: 0.99) }

    /// The smallest time that this share of all samples does not exceed.
    private func milliseconds(at share: Double) -> Double {
        let rank = Int((share * Double(sorted.count)).rounded(.up))
        return sorted[max(0, rank - 1)] / .milliseconds(1)
    }
}
