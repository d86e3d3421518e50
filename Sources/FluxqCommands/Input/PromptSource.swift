import FluxqControl
import FluxqHost
import FluxqModel
import Glibc
import NIOPosix
import SystemPackage

/// The source of a prompt.
enum PromptSource: Hashable, Sendable {
    case text(String)
    case standardInput
    case file(BytePath)

    /// - Returns: nil unless exactly one of the two is given.
    init?(argument: String?, file: BytePath?) {
        switch (argument, file) {
        case (nil, let file?): self = file == BytePath("-") ? .standardInput : .file(file)
        case ("-", nil): self = .standardInput
        case (let text?, nil): self = .text(text)
        default: return nil
        }
    }

    /// The prompt. From a file or standard input, without its byte order mark, the end of its last line, and the CR
    /// before each LF.
    func read(_ console: Console) async throws -> String {
        switch self {
        case .text(let text):
            return text
        case .standardInput:
            if isatty(STDIN_FILENO) == 1 { console.note("type the prompt, then press Ctrl-D on an empty line") }
            return try await NIOThreadPool.singleton.runIfActive {
                try Self.prompt(STDIN_FILENO, "standard input")
            }
        case .file(let path):
            return try await NIOThreadPool.singleton.runIfActive { try Self.prompt(path) }
        }
    }

    private static func prompt(_ path: BytePath) throws(CommandFailure) -> String {
        let name = TerminalText.line(path.text)
        let descriptor = path.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY) }
        guard descriptor >= 0 else { throw unreadable(name, .last) }
        defer { close(descriptor) }
        return try prompt(descriptor, name)
    }

    private static func prompt(_ descriptor: Int32, _ name: String) throws(CommandFailure) -> String {
        // The longest prompt, plus room for line ends and a byte order mark.
        let most = 2 * EditRequest.Bounds.promptBytes
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= most {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(name, .last) }
            if count == 0 { return try prompt(in: bytes, name) }
            bytes += piece[..<count]
        }
        throw CommandFailure(
            .badInput, code: "prompt_too_long",
            "The prompt in \(name) has more than \(EditRequest.Bounds.promptBytes) bytes, which is the limit. "
                + "Nothing was queued.")
    }

    static func prompt(in bytes: [UInt8], _ name: String) throws(CommandFailure) -> String {
        let marked: [UInt8] = [0xEF, 0xBB, 0xBF]
        guard let text = String(validating: bytes.starts(with: marked) ? bytes.dropFirst(3) : bytes[...], as: UTF8.self)
        else {
            let isUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
            throw CommandFailure(
                .badInput, code: "not_utf8",
                "The prompt in \(name) is not UTF-8. Convert it: iconv -f \(isUTF16 ? "utf-16" : "latin1") -t utf-8. "
                    + "Nothing was queued.")
        }
        // Swift treats CR LF as one character.
        var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }[...]
        while let last = lines.last, last.allSatisfy(\.isWhitespace), lines.count > 1 { lines.removeLast() }
        return lines.joined(separator: "\n")
    }

    private static func unreadable(_ name: String, _ code: Errno) -> CommandFailure {
        CommandFailure(
            .noInput, code: "no_input",
            "Cannot read the prompt from \(name): \(code). Give a file that you may read. "
                + "Nothing was queued.")
    }
}
