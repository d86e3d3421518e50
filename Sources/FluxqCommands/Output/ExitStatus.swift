import FluxqControl
import FluxqControlClient

/// How a verb ends, for scripts. The numbers follow sysexits.h and never change their meaning.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case success = 0
    /// The work itself failed: a job ended as `failed`, or has no picture.
    case jobFailed = 1
    /// The command line cannot be understood. ArgumentParser's own refusals end like this, too.
    case usage = 64
    /// What was given is wrong: a value out of range, no picture, an unknown job, a state that forbids it.
    case badInput = 65
    /// A file that was named is not there or cannot be read.
    case noInput = 66
    /// No daemon, or none that can be understood.
    case unavailable = 69
    /// Standard output cannot be written, or what followed on something that was done went wrong, or it is not known
    /// whether
    /// it was done. Standard error says which; nobody should repeat the command without looking.
    case lookFirst = 74
    /// Nothing is wrong, but not now.
    case tryLater = 75
    case notAllowed = 77

    /// The whole table of the daemon's refusals.
    init(_ code: Problem.Code) {
        self =
            switch code {
            case .badRequest, .invalidFields, .unknownModel, .notAPicture, .tooLarge, .noSuchInput, .noSuchJob,
                .noSuchImage, .conflict, .keyReused, .unsupportedMediaType:
                .badInput
            case .noSuchRoute, .methodNotAllowed, .rangeNotSatisfiable, .internal: .unavailable
            case .notAllowed: .notAllowed
            case .pictureDamaged: .jobFailed
            case .overLimit, .storageFull, .databaseLocked, .userDatabaseSilent, .pictureRefetched: .tryLater
            }
    }

    /// What failed on the way to the daemon and back.
    init(_ error: ControlClientError) {
        self =
            switch error {
            case .problem(let problem): Self(problem.code)
            case .noDaemon(_, .busy): .tryLater
            case .noDaemon, .pathTooLong, .notASocket, .connectionLost, .protocolError: .unavailable
            case .outcomeUnknown: .lookFirst
            case .permissionDenied, .untrustedSocket: .notAllowed
            case .uploadUnreadable(.system): .noInput
            case .uploadUnreadable(.shrank): .badInput
            case .downloadUnwritable(let code): Self(errno: code)
            }
    }

    /// A file that could not be written, by the system's error number.
    init(errno code: Int32) {
        self =
            switch FileErrorNumber(code: code).kind {
            case .missing: .noInput
            case .denied: .notAllowed
            case .wrongKind: .badInput
            case .passing: .tryLater
            }
    }

    /// For every `--help` that a shell script's author may read.
    static let help = """
        EXIT STATUS
          0   success
          1   a job failed, or has no picture
          64  the command line is invalid
          65  a value, picture or job number is invalid, or the job's state forbids the command
          66  a file is missing or cannot be read
          69  no daemon
          74  check before you repeat the command: it was carried out, at least in part, or may have been; standard \
        error \
        says more
          75  not now: timed out, over a limit, or not finished yet
          77  not allowed
        """
}
