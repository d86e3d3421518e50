import FluxqHost
import Glibc
import SystemPackage

/// Checks whether a result can be written, without writing a byte.
enum OutputCheck {
    /// As many bytes as the result for one job needs.
    private static let room = 4096

    /// - Returns: nil if a descriptor can be written, as far as this can be checked in advance.
    static func failure(of descriptor: Int32) -> Errno? {
        var file = stat()
        guard fstat(descriptor, &file) == 0 else { return .last }
        let mode = fcntl(descriptor, F_GETFL)
        guard mode >= 0 else { return .last }
        guard mode & O_ACCMODE != O_RDONLY else { return .badFileDescriptor }
        switch file.st_mode & S_IFMT {
        case S_IFREG:
            return failure(
                ofFile: descriptor, offset: mode & O_APPEND != 0 ? nil : lseek(descriptor, 0, SEEK_CUR), file)
        case S_IFIFO, S_IFSOCK:
            var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&state, 1, 0) >= 0 else { return nil }
            return Int32(state.revents) & (POLLERR | POLLHUP) == 0 ? nil : .brokenPipe
        default:
            // A device: /dev/full rejects even an empty write.
            return write(descriptor, "", 0) < 0 ? .last : nil
        }
    }

    private static func failure(ofFile descriptor: Int32, offset: off_t?, _ file: stat) -> Errno? {
        let start = offset.map { max($0, 0) } ?? file.st_size
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0, limit.rlim_cur != rlim_t.max,
            rlim_t(start) + rlim_t(room) > limit.rlim_cur
        {
            return .fileTooLarge
        }
        guard let code = FileRoom.reserve(room, from: Int(start), of: descriptor) else { return nil }
        // Many file systems cannot reserve space; then nothing is known.
        return code.isFull || [.fileTooLarge, .ioError, .readOnlyFileSystem].contains(code) ? code : nil
    }
}
