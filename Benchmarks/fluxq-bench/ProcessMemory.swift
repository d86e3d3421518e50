import FoundationEssentials
import Glibc

/// Resident memory of another process, as Linux counts it.
struct ProcessMemory {
    let process: pid_t

    /// The current value in MB (10⁶ bytes).
    var resident: Double { get throws { try field("VmRSS:") } }

    /// The peak since the process began, or since `forgetPeak()`; in MB (10⁶ bytes).
    var peak: Double { get throws { try field("VmHWM:") } }

    func forgetPeak() throws {
        let path = "/proc/\(process)/clear_refs"
        let descriptor = open(path, O_WRONLY)
        guard descriptor >= 0 else { throw Failure("Cannot open \(path) (errno \(errno)).") }
        defer { close(descriptor) }
        guard write(descriptor, "5", 1) == 1 else { throw Failure("Cannot reset the peak: \(path) (errno \(errno)).") }
    }

    private func field(_ name: String) throws -> Double {
        let path = "/proc/\(process)/status"
        let status = try String(contentsOfFile: path, encoding: .utf8)
        for line in status.split(separator: "\n") where line.hasPrefix(name) {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words.count > 1, let kibibytes = Double(words[1]) { return kibibytes * 1024 / 1_000_000 }
        }
        throw Failure("\(path) has no \(name)")
    }
}
