import FluxqDiskFaults
import Synchronization

/// The moments around every boundary of a trace, in order. One is just before the sync, when nothing since the last one
/// is certain. The other is before the next call, with all marks that were made meanwhile.
final class Moments: Sendable {
    private struct State {
        var disk = Disk()
        /// The number of records that the disk has.
        var applied = 0
        /// The number of boundaries passed.
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

    /// Returns nil after the last moment. Cuts that leave the same contents count as one moment.
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
