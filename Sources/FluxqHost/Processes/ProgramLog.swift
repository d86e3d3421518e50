import Foundation
import Glibc
package import Logging

/// The log of a long-running program: for the journal if it reads standard error, otherwise for people.
package struct ProgramLog: Sendable {
    package let logger: Logger
    private let program: String
    private let isJournaled: Bool

    /// Must be called once in a process. Every other logger writes to the same place.
    package static func begin(of program: String, environment: [String: String]) -> ProgramLog {
        let isJournaled = JournalLog.isRead(from: STDERR_FILENO, environment: environment)
        LoggingSystem.bootstrap { label -> any LogHandler in
            if isJournaled { return JournalLog(descriptor: STDERR_FILENO) }
            return StreamLogHandler.standardError(label: label)
        }
        return ProgramLog(logger: Logger(label: program), program: program, isJournaled: isJournaled)
    }

    /// Reports why the program ends.
    package func tell(_ error: any Error) {
        if isJournaled {
            for line in "\(error)".split(separator: "\n") { logger.critical("\(line)") }
        } else {
            FileHandle.standardError.write(Data("\(program): \(error)\n".utf8))
        }
    }
}
