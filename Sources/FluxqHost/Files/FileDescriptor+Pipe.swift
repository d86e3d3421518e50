import CLinux
import Glibc
package import SystemPackage

extension FileDescriptor {
    /// A pipe. Its ends are closed on exec from the beginning, so that no program that is started meanwhile gets one.
    package static func closedOnExecPipe() throws(SystemError) -> (reading: FileDescriptor, writing: FileDescriptor) {
        var ends: [CInt] = [-1, -1]
        guard CLinux.pipe2(&ends, O_CLOEXEC) == 0 else { throw SystemError("pipe2") }
        return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
    }
}
