import FluxqModel
import Logging

/// A broken promise, with its description.
struct Violation: Error, Hashable, CustomStringConvertible {
    let description: String
}

/// The sequence of all events. Two runs of a seed are the same if their digests are equal.
///
/// Used on the simulation's one thread alone, which `SimulatedExecutor` verifies: hence unchecked.
final class Trace: @unchecked Sendable {
    private static let linesKept = 60

    private let clock: SimulatedClock
    private let isPrinted: Bool
    private(set) var step = 0
    /// FNV-1a over every step and line.
    private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    private(set) var lastLines: [String] = []
    private(set) var violation: Violation?

    init(clock: SimulatedClock, isPrinted: Bool) {
        self.clock = clock
        self.isPrinted = isPrinted
    }

    /// Records one step of the simulation: the index of the chosen runnable piece.
    func choose(_ index: Int, of count: Int) {
        step += 1
        mix(UInt64(index) << 32 | UInt64(count))
        mix(UInt64(bitPattern: clock.elapsed))
    }

    func say(_ line: @autoclosure () -> String) {
        let line = line()
        for byte in line.utf8 { mix(UInt64(byte)) }
        keep(line)
    }

    /// Adds a line that may differ between two runs of a seed, such as one with a path.
    func remark(_ line: String) {
        keep(line)
    }

    /// Ends the seed; only the first violation counts.
    func violate(_ rule: String) {
        if violation == nil { violation = Violation(description: rule) }
    }

    private func mix(_ value: UInt64) {
        digest = (digest ^ value) &* 0x100_0000_01B3
    }

    private func keep(_ line: String) {
        let text = "\(step)\t\(Double(clock.elapsed) / 1000) s\t\(line)"
        if isPrinted { Report.line(text) }
        lastLines.append(text)
        if lastLines.count > Self.linesKept { lastLines.removeFirst() }
    }
}

/// Writes the workers' log into the trace.
struct TraceLog: LogHandler {
    let trace: Trace
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.warning

    init(trace: Trace) {
        self.trace = trace
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        trace.remark("  fluxqd: \(event.message) \(details.joined(separator: " "))")
    }
}
