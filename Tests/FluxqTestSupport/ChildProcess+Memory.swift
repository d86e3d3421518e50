import Foundation

extension ChildProcess {
    /// What Linux counts of its memory, in KiB.
    ///
    /// - Parameter field: of `/proc/PID/status`: `VmRSS` is what is resident now, `VmHWM` the most so far.
    package func memory(_ field: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("\(field):") }),
            let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
        else { throw Failure(what: "no \(field) of process \(id)") }
        return kibibytes
    }
}
