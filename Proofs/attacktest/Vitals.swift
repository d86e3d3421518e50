import FluxqTestSupport
import Foundation

/// The resources of the host that a daemon's process uses.
struct Vitals: Sendable {
    /// Resident memory, in KiB.
    var memory: Int
    var descriptors: Int

    /// nil if the process is gone.
    init?(of process: ChildProcess) {
        guard let memory = try? process.memory("VmRSS"),
            let descriptors = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.id)/fd")
        else { return nil }
        self.memory = memory
        self.descriptors = descriptors.count
    }
}
