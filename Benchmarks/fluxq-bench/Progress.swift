import Glibc

/// Progress on standard error, so that standard output has only the table.
enum Progress {
    static func say(_ text: String) {
        let line = Array("\(text)\n".utf8)
        // Nothing depends on it: a closed standard error is no reason to stop.
        _ = write(STDERR_FILENO, line, line.count)
    }
}
