import FluxqControl
import FluxqFormats
import FluxqHost
import FluxqModel
import Glibc
import SystemPackage

/// Standard output could not be written.
struct OutputError: Error {
    let system: Errno
    /// The result of a change that was made; nil if none was.
    let result: String?
}

/// Standard output for results, standard error for everything else.
struct Console: Sendable {
    let json: Bool
    /// True if SIGPIPE may end this program once its reader is gone, as with other filters. False if it has made a
    /// change that it still has to report.
    private let endsWithReader: Bool
    private let output: Int32
    private let errors: Int32
    /// The palette of standard output.
    private let palette: Palette
    private let width: Int?
    /// Columns of standard error; nil if it is not a terminal.
    let liveWidth: Int?

    private static let defaultColumns = 80

    init(json: Bool, endsWithReader: Bool = true, output: Int32 = STDOUT_FILENO, errors: Int32 = STDERR_FILENO) {
        self.json = json
        self.endsWithReader = endsWithReader
        self.output = output
        self.errors = errors
        let isTerminal = isatty(output) == 1
        let wantsColours = Self.environment("NO_COLOR") == nil && Self.environment("TERM") != "dumb"
        palette = Palette(colours: isTerminal && wantsColours)
        width = isTerminal ? Self.columns(of: output) : nil
        liveWidth =
            isatty(errors) == 1 && Self.environment("TERM") != "dumb" ? Self.columns(of: errors) : nil
    }

    /// The presentation for the current time.
    var presentation: Presentation {
        Presentation(palette: palette, width: width, now: .now(), clock: .system)
    }

    /// - Throws: if a result could not be written, as far as this can be checked in advance.
    func checkOutput() throws(OutputError) {
        if let failure = OutputCheck.failure(of: output) { throw OutputError(system: failure, result: nil) }
    }

    func print(_ lines: [String]) throws(OutputError) {
        try print(bytes: Array(lines.map { $0 + "\n" }.joined().utf8))
    }

    /// Prints a path on its own line, byte for byte.
    func print(_ path: BytePath) throws(OutputError) {
        try print(bytes: path.bytes + [UInt8(ascii: "\n")])
    }

    private func print(bytes: [UInt8]) throws(OutputError) {
        guard let failure = Self.failureOfWriting(bytes, to: output) else { return }
        if failure == .brokenPipe, endsWithReader {
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        throw OutputError(system: failure, result: endsWithReader ? nil : String(decoding: bytes, as: UTF8.self))
    }

    func print(_ line: String) throws(OutputError) {
        try print([line])
    }

    /// Prints a document on its own line.
    func print(_ document: JSONValue) throws {
        try print(JSONText.line(document))
    }

    /// Prints a message on standard error. A failure to write it is ignored.
    func note(_ text: String) {
        show("fluxq: \(text)\n")
    }

    func complain(_ complaint: CommandFailure) {
        let text: String
        if json, let line = try? JSONText.line(complaint.json) {
            text = line + "\n"
        } else {
            text = complaint.lines.map { $0 + "\n" }.joined()
        }
        show(text)
    }

    /// Writes to standard error. Its own failures cannot be reported anywhere.
    func show(_ text: String) {
        _ = Self.failureOfWriting(Array(text.utf8), to: errors)
    }

    /// - Returns: nil once all bytes are written.
    private static func failureOfWriting(_ bytes: [UInt8], to descriptor: Int32) -> Errno? {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                bytes = bytes.dropFirst(count)
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&ready, 1, -1)
            default: return .last
            }
        }
        return nil
    }

    private static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }

    private static func columns(of descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return defaultColumns }
        return Int(size.ws_col)
    }
}
