import SystemPackage

/// What can be done about a file that cannot be used.
enum FileProblem { case missing, denied, wrongKind, passing }

extension Errno {
    var fileProblem: FileProblem {
        switch self {
        case .noSuchFileOrDirectory: .missing
        case .permissionDenied, .notPermitted, .readOnlyFileSystem: .denied
        case .notDirectory, .isDirectory, .fileExists, .fileNameTooLong, .tooManySymbolicLinkLevels, .invalidArgument,
            .fileTooLarge:
            .wrongKind
        default: .passing
        }
    }
}
