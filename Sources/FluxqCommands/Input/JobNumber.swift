import ArgumentParser
import FluxqModel

/// A job's number on the command line.
enum JobNumber {
    static func parse(_ text: String) throws -> Int64 {
        guard let id = JobID(text) else {
            throw ValidationError("A job number is a whole number from 1 to \(Int64.max), such as 42.")
        }
        return id.rawValue
    }
}
