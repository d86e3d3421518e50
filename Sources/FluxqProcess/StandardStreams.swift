import Glibc

/// The three descriptors that every program is started with.
package enum StandardStreams {
    /// Takes the places of those that are closed, so that no picture, socket or lock is opened in one of them, to be written
    /// over by what the program says, or handed to a program that it starts. Each is opened the wrong way round: using it fails, as using the closed one did.
    ///
    /// Writing beyond a limit on files' sizes, or to a reader that has gone, is an error from here on and no signal that ends
    /// this program in the middle of something.
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
