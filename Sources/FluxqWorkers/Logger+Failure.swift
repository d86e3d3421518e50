import Logging

extension Logger {
    /// What keeps fluxqd from work that can be done again. That a task was told to stop meanwhile is no failure, and not worth
    /// an alarm.
    func failure(_ message: Message, _ error: any Error, _ metadata: Metadata = [:]) {
        log(
            level: Task.isCancelled ? .debug : .error, message,
            metadata: metadata.merging(["error": "\(error)"]) { given, _ in given })
    }
}
