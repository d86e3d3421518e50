import Foundation

extension ChildProcess {
    /// The process's memory in KiB, as Linux counts it.
    ///
    /// - Parameter field: a field of `/proc/PID/status`: `VmRSS` is the resident memory, `VmHWM` its peak.
    package func memory(_ field: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("\(field):") }),
            let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { throw Failure(what: "no \(field) of process \(id)") }
        return kibibytes
    }
}
