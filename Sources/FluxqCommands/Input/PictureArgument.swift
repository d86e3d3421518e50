import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqHost
import FluxqModel
import Glibc
import NIOPosix
import SystemPackage

/// The value of `--image`.
enum PictureArgument: Hashable, Sendable {
    case file(BytePath)
    case standardInput
    /// Sent to the daemon unchanged: a link, a `data:` URI, or the `sha256:` name of an earlier input.
    case reference(String)

    init(argument: BytePath) {
        guard let text = argument.exactText else {
            self = .file(argument)
            return
        }
        let lowered = text.prefix(8).lowercased()
        if text == "-" {
            self = .standardInput
        } else if ["http://", "https://", "data:"].contains(where: lowered.hasPrefix) || ContentHash(wire: text) != nil
        {
            self = .reference(text)
        } else {
            self = .file(argument)
        }
    }
}

/// An open picture that is about to be uploaded. `close()` closes it.
struct OpenPicture {
    let source: UploadSource
    let review: PictureReview
    private let owned: Bool

    /// - Returns: nil if nothing has to be uploaded.
    static func open(_ source: PictureArgument?) async throws -> OpenPicture? {
        switch source {
        case .reference, nil: nil
        // Opening a pipe or waiting for it may take as long as its other end likes.
        case .file(let path): try await NIOThreadPool.singleton.runIfActive { try file(path) }
        case .standardInput: try await NIOThreadPool.singleton.runIfActive { try standardInput() }
        }
    }

    private static func file(_ path: BytePath) throws -> OpenPicture {
        let name = TerminalText.line(path.text)
        let descriptor = path.withCString { Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NOCTTY) }
        guard descriptor >= 0 else {
            throw unreadable("Cannot read \(name): \(Errno.last). Give a picture that you may read.")
        }
        do {
            let size = try sizeBytes(descriptor, name: name)
            let source = UploadSource(descriptor: descriptor, sizeBytes: size)
            let picture = OpenPicture(source: source, review: PictureReview(path: path.text), owned: true)
            try picture.refuseForeignFormat()
            return picture
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    private static func standardInput() throws(CommandFailure) -> OpenPicture {
        guard isatty(STDIN_FILENO) == 0 else {
            throw CommandFailure(
                .usage, code: "usage",
                "--image - reads a picture from standard input, which is your terminal. Pipe one into it: "
                    + "fluxq submit --image - PROMPT <picture.png")
        }
        let size = try sizeBytes(STDIN_FILENO, name: "standard input")
        let source = UploadSource(descriptor: STDIN_FILENO, sizeBytes: size)
        let picture = OpenPicture(source: source, review: PictureReview(path: nil), owned: false)
        try picture.refuseForeignFormat()
        return picture
    }

    /// A file that its first bytes show to be of another format need not be sent, and may be too large to be sent.
    private func refuseForeignFormat() throws(CommandFailure) {
        guard source.sizeBytes != nil else { return }
        let inspected: Result<PictureInfo, PictureDefect>
        do {
            inspected = try PictureReader.inspect(UploadedBytes(source).read(at: 0, count: Self.headBytes))
        } catch {
            // The upload fails as well, and reports the error.
            return
        }
        if case .failure(let defect) = inspected, ForeignFormat(defect) != nil { throw review.refusal(defect) }
    }

    private static let headBytes = 1024

    /// The reason why the daemon refused it, with the picture's local name.
    func complaint(_ problem: Problem) async -> CommandFailure {
        let source = source
        let inspected = try? await NIOThreadPool.singleton.runIfActive {
            try PictureReader.inspect(UploadedBytes(source))
        }
        if problem.code == .notAPicture, case .failure(let defect) = inspected { return review.refusal(defect) }
        return CommandFailure(problem, about: review.name)
    }

    /// Notes to print after it is sent.
    func notes() async -> [String] {
        let (source, review) = (source, review)
        do {
            return try await NIOThreadPool.singleton.runIfActive { try review.notes(on: UploadedBytes(source)) }
        } catch {
            // The picture was sent completely; only its notes are lost.
            return []
        }
    }

    func close() {
        // Nothing was written to it, so nothing can be lost.
        if owned { Glibc.close(source.descriptor) }
    }

    /// Bytes from the current position to the end; nil for a stream. Waits until a stream has data, so that no
    /// connection stays open in the meantime.
    private static func sizeBytes(_ descriptor: Int32, name: String) throws(CommandFailure) -> Int64? {
        var file = stat()
        guard fstat(descriptor, &file) == 0 else {
            throw unreadable("Cannot read \(name): \(Errno.last).")
        }
        switch file.st_mode & S_IFMT {
        case S_IFREG:
            let rest = Int64(file.st_size) - Int64(max(lseek(descriptor, 0, SEEK_CUR), 0))
            guard rest > 0 else {
                throw CommandFailure(.badInput, code: "not_a_picture", "\(name) is empty. Nothing was queued.")
            }
            return rest
        case S_IFDIR: throw unreadable("\(name) is a directory. Give one picture; a shell loop submits many.")
        default:
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&ready, 1, -1) < 0, errno == EINTR {}
            return nil
        }
    }

    private static func unreadable(_ detail: String) -> CommandFailure {
        CommandFailure(.noInput, code: "no_input", "\(detail) Nothing was queued.")
    }
}
