import FluxqTestSupport
import Glibc
import SystemCallShimInterface

/// The library that is preloaded into a daemon, and the environment variables that control it.
package enum SystemCallShim {
    /// It is built beside the proofs.
    package static var path: String { RunningDaemon.executable("libFluxqSystemCallShim.so") }

    /// The syncs that are skipped although the daemon is told that they succeeded.
    package enum DroppedSyncs: String, CaseIterable, Sendable {
        case all, archive, sqlite, directories
    }

    /// Returns the environment that records every call that changes the directory.
    package static func recording(
        _ directory: String, to trace: String, dropping syncs: DroppedSyncs? = nil
    ) throws -> [String: String] {
        var environment = ["SYSCALL_SHIM_DIRECTORY": try realPath(directory), "SYSCALL_SHIM_TRACE": trace]
        environment["SYSCALL_SHIM_DROP_FSYNC"] = syncs?.rawValue
        return environment
    }

    /// Returns the environment that makes calls fail as the control says.
    package static func failing(_ directory: String, by control: FaultControl) throws -> [String: String] {
        environment(of: control).merging(["SYSCALL_SHIM_DIRECTORY": try realPath(directory)]) { $1 }
    }

    /// Returns the environment in which the user database does not answer while a file exists at that path.
    package static func silencingNames(while path: String) -> [String: String] {
        ["SYSCALL_SHIM_SILENT_NAMES": path]
    }

    /// Returns the variables that may be added to those of a recording.
    package static func environment(of control: FaultControl) -> [String: String] {
        ["SYSCALL_SHIM_CONTROL": control.path]
    }

    package struct NoSuchDirectory: Error {
        package let path: String
    }

    /// The real path of the directory. The directory itself need not exist yet.
    private static func realPath(_ directory: String) throws -> String {
        let name = directory.split(separator: "/").last.map(String.init) ?? ""
        let parent = String(directory.dropLast(name.count))
        guard let real = realpath(parent, nil) else { throw NoSuchDirectory(path: parent) }
        defer { free(real) }
        return "\(String(cString: real))/\(name)"
    }
}
