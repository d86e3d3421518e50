package import FluxqHost

/// The reason why a directory cannot hold fluxqd's state. Every description says what to do.
package enum StateDirectoryError: Error, Hashable, Sendable {
    case parentMissing(path: String)
    case notADirectory(path: String)
    case notWritable(path: String)
    case readOnlyFileSystem(path: String)
    case noSpace(path: String)
    case ownedByAnother(path: String, owner: UInt32, daemon: UInt32)
    case writableByOthers(path: String)
    /// `processID` is nil if the other daemon could not write it to the file.
    case inUse(path: String, processID: Int32?)
    /// Its jobs were called at the stand-in and are now to be called at a real API, or the reverse.
    case ofAnotherAPI(path: String, isSandboxed: Bool)
    case failed(path: String, SystemError)
}

extension StateDirectoryError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .parentMissing(let path):
            "State directory \(path) cannot be made, because the directory above it does not exist. Make "
                + "that one first."
        case .notADirectory(let path):
            "State directory \(path) is not a directory. Name another with --state-directory."
        case .notWritable(let path):
            "State directory \(path) cannot be read and written by fluxqd. Give it to fluxqd's user, or "
                + "name another with --state-directory."
        case .readOnlyFileSystem(let path):
            "State directory \(path) is on a read-only file system. Mount it for writing, or name another "
                + "with --state-directory."
        case .noSpace(let path):
            "State directory \(path) is on a full file system. Free some space, or name another with --state-directory."
        case .ownedByAnother(let path, let owner, let daemon):
            "State directory \(path) belongs to the user with number \(owner), but fluxqd runs as "
                + "\(daemon). Start fluxqd as its owner, or hand it over with: chown -R \(daemon) \(path)"
        case .writableByOthers(let path):
            "State directory \(path) can be written by other users. Check what they left in it, then: chmod 0700 "
                + "\(path)"
        case .inUse(let path, let processID?):
            "State directory \(path) is in use by fluxqd with process id \(processID). Stop that one first, "
                + "or name another with --state-directory."
        case .inUse(let path, nil):
            "State directory \(path) is in use by another fluxqd. Stop that one first, or name another with "
                + "--state-directory."
        case .ofAnotherAPI(let path, isSandboxed: true):
            "State directory \(path) belongs to a fluxqd that calls a real API, and --sandbox would answer its jobs "
                + "with simulated pictures. Name another with --state-directory, or leave --sandbox out."
        case .ofAnotherAPI(let path, isSandboxed: false):
            "State directory \(path) belongs to fluxqd --sandbox, and its jobs would really be bought. Name another with "
                + "--state-directory, or start with --sandbox."
        case .failed(let path, let error):
            "State directory \(path) cannot be used (\(error)). Look at the file system, or name another "
                + "with --state-directory."
        }
    }
}
