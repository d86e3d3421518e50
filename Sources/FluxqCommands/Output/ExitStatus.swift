import FluxqControl
import FluxqControlClient
import SystemPackage

/// The exit status of a verb, for scripts. The numbers follow sysexits.h and never change their meaning.
enum ExitStatus: Int32, CaseIterable, Sendable {
    case success = 0
    /// The work itself failed: a job ended as `failed`, or has no picture.
    case jobFailed = 1
    /// The command line cannot be parsed. ArgumentParser's own errors use this status, too.
    case usage = 64
    /// An input is invalid: a value out of range, a file that is no picture, an unknown job, a state that forbids the
    /// command.
    case badInput = 65
    /// A named file does not exist or cannot be read.
    case noInput = 66
    /// There is no daemon, or its answers cannot be understood.
    case unavailable = 69
    /// Standard output cannot be written, a step after the change failed, or it is unknown whether the change was made.
    /// Standard error says which; check before repeating the command.
    case lookFirst = 74
    /// Not possible now; a later try may succeed.
    case tryLater = 75
    case notAllowed = 77

    /// Maps each of the daemon's problem codes.
    init(_ code: Problem.Code) {
        self =
            switch code {
            case .badRequest, .invalidFields, .unknownModel, .notAPicture, .tooLarge, .noSuchInput, .noSuchJob,
                .noSuchImage, .conflict, .keyReused, .unsupportedMediaType:
                .badInput
            case .noSuchRoute, .methodNotAllowed, .rangeNotSatisfiable, .internal: .unavailable
            case .notAllowed, .wrongHost, .crossSite, .bearerMissing: .notAllowed
            case .pictureDamaged: .jobFailed
            case .overLimit, .storageFull, .databaseLocked, .userDatabaseSilent, .pictureRefetched: .tryLater
            }
    }

    /// Maps failures of the connection to the daemon.
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
            case .downloadUnwritable(let code): Self(code)
            }
    }

    /// Maps the system's error number of a file that could not be written.
    init(_ code: Errno) {
        self =
            switch code.fileProblem {
            case .missing: .noInput
            case .denied: .notAllowed
            case .wrongKind: .badInput
            case .passing: .tryLater
            }
    }

    /// Part of every `--help`, for authors of shell scripts.
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
