import Glibc
import SystemCallShimInterface

/// Tells the preloaded library which calls have to fail, and reads how many calls were made and how many failed. The
/// data is in a file that both sides map, so it outlives a daemon and can be changed while one runs.
package final class FaultControl: Sendable {
    package let path: String
    // Written by two processes; every access to a field that changes is one load or store of an aligned word.
    private nonisolated(unsafe) let shared: UnsafeMutablePointer<shim_control>

    package struct Failure: Error {
        package let path: String
        package let errno: CInt
    }

    /// - Parameters:
    /// - path: a path at which no file exists yet.
    ///   - from: the first call that fails, from 1.
    package init(path: String, fault: Fault, from: Int) throws {
        self.path = path
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0, ftruncate(file, MemoryLayout<shim_control>.size) == 0 else {
            throw Failure(path: path, errno: errno)
        }
        defer { close(file) }
        let mapped = mmap(
            nil, MemoryLayout<shim_control>.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        guard let mapped, mapped != MAP_FAILED else { throw Failure(path: path, errno: errno) }
        shared = mapped.bindMemory(to: shim_control.self, capacity: 1)
        shared.pointee = shim_control(
            call_class: fault.calls.rawValue, files: fault.files.rawValue, fault: fault.failure.kind,
            error: fault.failure.errno, from: UInt64(from), persistent: fault.isPersistent ? 1 : 0, lifted: 0, seen: 0,
            injected: 0)
    }

    deinit {
        munmap(shared, MemoryLayout<shim_control>.size)
    }

    /// Calls of the class so far.
    package var seen: Int { Int(shared.pointee.seen) }

    /// Calls that were made to fail.
    package var injected: Int { Int(shared.pointee.injected) }

    package var isLifted: Bool { shared.pointee.lifted != 0 }

    /// Ends the faults: no later call fails.
    package func lift() { shared.pointee.lifted = 1 }
}
