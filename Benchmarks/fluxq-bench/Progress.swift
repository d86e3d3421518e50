import Glibc

/// Progress, for people who wait; on standard error, so that standard output is the table alone.
enum Progress {
    static func say(_ text: String) {
        let line = Array("\(text)\n".utf8)
        // Nobody depends on it: a closed standard error is no reason to stop.
        _ = write(STDERR_FILENO, line, line.count)
    }
}
