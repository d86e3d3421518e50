import FluxqTestSupport
import Glibc
import SystemCallShimInterface

/// The library that is preloaded into a daemon, and what its environment tells it.
package enum SystemCallShim {
    /// Built beside the proofs.
    package static var path: String { RunningDaemon.executable("libFluxqSystemCallShim.so") }

    /// Which syncs a daemon is made to believe in though they are not done.
    package enum DroppedSyncs: String, CaseIterable, Sendable {
        case all, archive, sqlite, directories
    }

    /// Records every call that changes the directory.
    package static func recording(
        _ directory: String, to trace: String, dropping syncs: DroppedSyncs? = nil
    ) throws -> [String: String] {
        var environment = ["SYSCALL_SHIM_DIRECTORY": try realPath(directory), "SYSCALL_SHIM_TRACE": trace]
        environment["SYSCALL_SHIM_DROP_FSYNC"] = syncs?.rawValue
        return environment
    }

    /// Makes calls fail as the control says.
    package static func failing(_ directory: String, by control: FaultControl) throws -> [String: String] {
        environment(of: control).merging(["SYSCALL_SHIM_DIRECTORY": try realPath(directory)]) { $1 }
    }

    /// The user database answers nobody while there is a file at that path.
    package static func silencingNames(while path: String) -> [String: String] {
        ["SYSCALL_SHIM_SILENT_NAMES": path]
    }

    /// Beside that of a recording.
    package static func environment(of control: FaultControl) -> [String: String] {
        ["SYSCALL_SHIM_CONTROL": control.path]
    }

    package struct NoSuchDirectory: Error {
        package let path: String
    }

    /// As the system names it. The directory itself need not exist yet.
    private static func realPath(_ directory: String) throws -> String {
        let name = directory.split(separator: "/").last.map(String.init) ?? ""
        let parent = String(directory.dropLast(name.count))
        guard let real = realpath(parent, nil) else { throw NoSuchDirectory(path: parent) }
        defer { free(real) }
        return "\(String(cString: real))/\(name)"
    }
}
