import FoundationEssentials
import Glibc

/// The directory of one measurement.
struct WorkDirectory: Sendable {
    let path: String

    init(in parent: String) throws {
        var template = Array("\(parent)/fluxq-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Failure("Cannot make a directory in \(parent) (errno \(errno)). Name another one: --directory DIR")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    func remove() {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            Progress.say("\(path) could not be removed: \(error)")
        }
    }
}
