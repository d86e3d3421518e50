import FluxqControl
import FluxqHost
import SystemPackage

/// The reason why a picture could not be saved.
enum DestinationError: Error, Hashable, Sendable {
    /// A file of that name exists and has other content.
    case different(path: BytePath)
    case symbolicLink(path: BytePath)
    case notAFile(path: BytePath)
    /// The received data does not match the archive's hash.
    case damaged(path: BytePath)
    case system(path: BytePath, Errno)
    /// The directory itself cannot be opened or created.
    case directory(path: BytePath, Errno)
}

extension CommandFailure {
    init(_ error: DestinationError) {
        switch error {
        case .different(let path):
            self.init(
                .badInput, code: "file_exists",
                "\(path.text) exists and is another picture; it is left as it is. Move it away, or fetch into another "
                    + "directory with --output DIR.")
        case .symbolicLink(let path):
            self.init(
                .badInput, code: "file_exists",
                "\(path.text) is a symbolic link and is not followed. Remove it, or fetch into another directory with "
                    + "--output DIR.")
        case .notAFile(let path):
            self.init(
                .badInput, code: "file_exists",
                "\(path.text) exists and is not a file. Fetch into another directory with --output DIR.")
        case .damaged(let path):
            self.init(
                .unavailable, code: "damaged",
                "The data received for \(path.text) does not match the archive's hash; nothing was saved. Fetch it "
                    + "again; if it fails again, tell the administrator.")
        case .directory(let path, let error):
            self.init(
                ExitStatus(error), code: "unwritable_output",
                "Cannot write pictures to \(path.text): \(error). Name a directory that you may write with --output "
                    + "DIR. fluxq creates a missing directory, but not its parent.")
        case .system(let path, let error):
            self.init(
                ExitStatus(error), code: "unwritable_output",
                "Cannot write \(path.text): \(error). The picture stays in the archive; choose another directory with "
                    + "--output DIR and fetch it again.")
        }
    }
}
