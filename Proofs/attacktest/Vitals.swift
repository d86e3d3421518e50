import Glibc

/// What a daemon's process takes of the host.
struct Vitals: Sendable {
    /// Resident, in KiB.
    var memory: Int
    var descriptors: Int

    /// nil where there is no such process.
    init?(of process: pid_t) {
        guard let status = Self.text(of: "/proc/\(process)/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let memory = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Int($0) }),
            let directory = opendir("/proc/\(process)/fd")
        else { return nil }
        defer { closedir(directory) }
        var entries = 0
        while readdir(directory) != nil { entries += 1 }
        self.memory = memory
        descriptors = entries - 2
    }

    private static func text(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
