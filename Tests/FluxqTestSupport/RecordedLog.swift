package import Logging
import Synchronization

/// Records log lines and delivers them one by one.
package final class RecordedLog: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    private let (stream, coming) = AsyncStream<String>.makeStream()

    package init() {}

    package var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    package var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    package func log(event: LogEvent) {
        let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
        lines.withLock { $0.append(line) }
        coming.yield(line)
    }

    package var text: String { lines.withLock { $0.joined(separator: "\n") } }

    /// Returns when a line with that text has been logged. Only one task may wait at a time; earlier lines are not
    /// found again.
    package func line(containing text: String) async {
        for await line in stream where line.contains(text) { return }
    }
}
