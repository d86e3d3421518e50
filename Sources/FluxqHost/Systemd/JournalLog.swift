import Glibc
package import Logging
import Synchronization

/// Writes the log for systemd's journal. The journal adds the time and the program, and reads the level from the start
/// of the line: sd-daemon(3).
///
/// ```
/// <6>A job was submitted. job.id=7 uid=1000
/// ```
package struct JournalLog: LogHandler {
    /// The journal splits longer lines (LineMax= is 48 KiB), and the rest would be a line without a level.
    private static let maxBytes = 16 << 10
    private static let writing = Mutex(())

    package var logLevel = Logger.Level.info
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let descriptor: Int32

    package init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// True if the journal reads this descriptor. `$JOURNAL_STREAM` has the device and inode of its stream, so that a
    /// program whose output was redirected since can tell. systemd.exec(5)
    package static func isRead(from descriptor: Int32, environment: [String: String]) -> Bool {
        var status = stat()
        guard let stream = environment["JOURNAL_STREAM"], fstat(descriptor, &status) == 0 else { return false }
        return stream == "\(status.st_dev):\(status.st_ino)"
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let details = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
        var words = [Self.spelledOut("\(event.message)")]
        for (key, value) in details.sorted(by: { $0.key < $1.key }) {
            words.append("\(Self.spelledOut(key))=\(Self.quoted("\(value)"))")
        }
        var line = "<\(event.level.priority)>\(words.joined(separator: " "))"
        while line.utf8.count > Self.maxBytes { line.unicodeScalars.removeLast() }
        write(Array("\(line)\n".utf8))
    }

    /// Writes a line in one piece, so that lines of two threads do not mix. A failure cannot be reported anywhere.
    private func write(_ bytes: [UInt8]) {
        Self.writing.withLock { _ in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
                guard count > 0 || errno == EINTR else { return }
                rest = rest.dropFirst(max(count, 0))
            }
        }
    }

    /// Quotes a value that would otherwise look like several.
    private static func quoted(_ value: String) -> String {
        guard value.isEmpty || value.contains(where: { $0 == " " || $0 == "=" || $0 == "\"" }) else {
            return spelledOut(value)
        }
        return "\"\(spelledOut(value.replacing("\"", with: "\\\"")))\""
    }

    /// Escapes line breaks: text of others must not begin a new line, with a level of its choice.
    private static func spelledOut(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: result += scalar.escaped(asASCII: true)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension Logger.Level {
    /// The numbers of syslog(3).
    fileprivate var priority: Int32 {
        switch self {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }
}
