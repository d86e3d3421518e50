import Glibc

/// The three standard descriptors that every program starts with.
package enum StandardStreams {
    /// Opens /dev/null for each closed descriptor. Otherwise a picture, socket or lock could get its number, and be
    /// overwritten by output or passed to a child program. Each is opened in the wrong direction, so that using it
    /// still fails.
    ///
    /// From now on, exceeding a file size limit or writing to a closed pipe is an error, not a signal that ends the
    /// program midway.
    package static func secure() {
        for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest free number is this one.
            _ = open("/dev/null", mode)
        }
        signal(SIGXFSZ, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
    }
}
