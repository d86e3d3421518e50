import FluxqDiskFaults
import Glibc

/// Every way in which a call is made to fail.
enum FaultList {
    static let all: [Fault] = [
        faults(.write, [.error(EIO), .error(ENOSPC), .error(EDQUOT), .error(EINTR), .short]),
        faults(.sync, [.error(EIO), .error(ENOSPC), .error(EDQUOT), .error(EINTR)]),
        faults(.open, [.error(EIO), .error(ENOSPC), .error(EDQUOT), .error(EINTR)]),
        faults(.open, [.error(EMFILE)], [.archive]),
        faults(.truncate, [.error(EIO), .error(EDQUOT), .error(EINTR)]),
        faults(.remove, [.error(EIO)]),
        faults(.rename, [.error(EIO), .error(ENOSPC), .error(EDQUOT)], [.archive]),
        faults(.make, [.error(EIO), .error(ENOSPC), .error(EDQUOT)], [.archive]),
        faults(.change, [.error(EIO)], [.archive]),
        faults(.space, [.error(ENOSPC), .error(EDQUOT)], [.both]),
    ].flatMap { $0 }

    /// SQLite renames nothing, makes no directory and changes no mode.
    private static func faults(
        _ calls: Fault.Calls, _ failures: [Fault.Failure], _ files: [Fault.Files] = [.archive, .sqlite]
    ) -> [Fault] {
        failures.flatMap { failure in
            files.flatMap { files in
                [false, true].map { Fault(calls: calls, files: files, failure: failure, isPersistent: $0) }
            }
        }
    }
}

extension Fault {
    /// True if the program must handle the fault without any visible effect.
    var mustNotShow: Bool {
        // SQLite does not repeat an interrupted fsync: it treats the disk as failed.
        (failure == .error(EINTR) && calls != .sync) || (failure == .error(EINTR) && files == .archive)
            || failure == .short
    }

    /// True if fluxqd may consider the disk as failed and exit with 74.
    var mayEndIt: Bool {
        switch failure {
        case .error(EIO), .lie: true
        // SQLite does not repeat an interrupted fsync.
        case .error(EINTR): calls == .sync && files != .archive
        default: false
        }
    }

    /// True if fluxqd must exit as soon as one such call has failed.
    var mustEndIt: Bool { failure == .error(EIO) && (calls == .sync || calls == .write) }

    /// True for a disk without space or over a quota.
    var isFullDisk: Bool { failure == .error(ENOSPC) || failure == .error(EDQUOT) }

    /// True if fluxqd can tell that the disk is full: SQLite does not say why it could not open a file.
    var showsFullDisk: Bool { isFullDisk && !(calls == .open && files == .sqlite) }
}
