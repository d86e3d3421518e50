import FluxqDiskFaults
import Synchronization

/// The moments around every boundary of a trace, one after the other: just before the sync, when nothing since the last one
/// is certain, and when the next call is about to be made, with all that anybody was told meanwhile.
final class Moments: Sendable {
    private struct State {
        var disk = Disk()
        /// Records that the disk has.
        var applied = 0
        /// Boundaries passed.
        var passed = 0
        var waiting: [Moment] = []
    }

    private let records: [Trace.Record]
    private let seed: UInt64
    private let variants: Int
    private let stride: Int
    private let state = Mutex(State())

    init(_ trace: Trace, seed: UInt64, variants: Int, stride: Int) {
        records = trace.records
        self.seed = seed
        self.variants = variants
        self.stride = stride
    }

    /// nil after the last. Different losses that leave the same are one moment.
    func next() throws -> Moment? {
        try state.withLock { state in
            while state.waiting.isEmpty {
                guard let boundary = records[state.applied...].firstIndex(where: \.isBoundary) else { return nil }
                let after = records[(boundary + 1)...].firstIndex(where: \.isCall) ?? records.endIndex
                let isChosen = (state.passed + Int(seed % UInt64(stride))) % stride == 0
                state.passed += 1
                if isChosen {
                    try advance(&state, to: boundary)
                    add("before fsync \(state.passed)", to: &state)
                }
                try advance(&state, to: after)
                if isChosen { add("after fsync \(state.passed)", to: &state) }
            }
            return state.waiting.removeFirst()
        }
    }

    private func advance(_ state: inout State, to index: Int) throws {
        for record in records[state.applied..<index] { try state.disk.apply(record) }
        state.applied = index
    }

    private func add(_ name: String, to state: inout State) {
        let cuts = PowerCut.variants(variants, seed: seed &+ UInt64(state.applied) &* 1000)
        var seen: Set<DirectoryImage> = []
        for cut in cuts {
            let image = state.disk.afterPowerCut(cut)
            guard seen.insert(image).inserted else { continue }
            state.waiting.append(
                Moment(index: state.applied, name: "\(name), losses of seed \(cut.seed)", cut: cut, image: image))
        }
    }
}
