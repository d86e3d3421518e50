import Logging

extension Logger {
    /// Logs a failure of work that can be repeated. If the task was canceled meanwhile, this is no failure and needs no
    /// alarm.
    func failure(_ message: Message, _ error: any Error, _ metadata: Metadata = [:]) {
        log(
            level: Task.isCancelled ? .debug : .error, message,
            metadata: metadata.merging(["error": "\(error)"]) { given, _ in given })
    }
}
