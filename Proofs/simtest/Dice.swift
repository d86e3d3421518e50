/// A stream of random draws; the same seed gives the same stream on every machine.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Dice: RandomNumberGenerator, @unchecked Sendable {
    private var state: UInt64

    /// - Parameter stream: distinguishes the streams of one seed, so that an additional draw in one does not shift the
    ///   others.
    init(seed: UInt64, stream: UInt64) {
        state = seed &* 0x9E37_79B9_7F4A_7C15 ^ stream &* 0xD1B5_4A32_D192_ED03
        _ = next()
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    func chance(_ probability: Double) -> Bool {
        Double(next() >> 11) * 0x1p-53 < probability
    }

    func roll(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    /// Draws a pause whose number of digits is uniform, so that short pauses are as frequent as long ones.
    func pause(upTo milliseconds: Int) -> Duration {
        var limit = milliseconds
        while limit > 1, chance(0.5) { limit /= 4 }
        return .milliseconds(roll(0...limit))
    }

    func pick<Element>(_ elements: [Element]) -> Element {
        elements[roll(0...elements.count - 1)]
    }

    /// Draws one of the elements by weight; at least one weight must be above zero.
    func pick<Element>(_ weights: [(Element, Int)]) -> Element {
        var left = roll(1...weights.reduce(0) { $0 + $1.1 })
        for (element, weight) in weights {
            left -= weight
            if left <= 0 { return element }
        }
        preconditionFailure("no weight above zero")
    }
}
