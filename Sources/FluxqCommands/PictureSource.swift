import FluxqControlClient
import FluxqModel
import Glibc
import NIOPosix

/// What `--image` names.
enum PictureSource: Hashable, Sendable {
    case file(String)
    case standardInput
    /// Sent to the daemon as it is: a link, a `data:` URI, or the `sha256:` name of an earlier input.
    case reference(String)

    init(argument: String) {
        let lowered = argument.prefix(8).lowercased()
        if argument == "-" {
            self = .standardInput
        } else if ["http://", "https://", "data:"].contains(where: lowered.hasPrefix)
            || ContentHash(wire: argument) != nil
        {
            self = .reference(argument)
        } else {
            self = .file(argument)
        }
    }
}

/// A picture that is open and about to be uploaded. Closed by `close()`.
struct OpenPicture {
    let source: UploadSource
    private let owned: Bool

    /// - Returns: nil where nothing has to be uploaded.
    static func open(_ source: PictureSource?) async throws -> OpenPicture? {
        switch source {
        case .reference, nil: nil
        // Opening and waiting may take as long as somebody at the other end of a pipe likes.
        case .file(let path): try await NIOThreadPool.singleton.runIfActive { try file(path) }
        case .standardInput: try await NIOThreadPool.singleton.runIfActive { try standardInput() }
        }
    }

    private static func file(_ path: String) throws(Complaint) -> OpenPicture {
        let name = TerminalText.line(path)
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else {
            throw unreadable("Cannot read \(name): \(SystemError(code: errno)). Give a picture that you may read.")
        }
        let size: Int64?
        do {
            size = try sizeBytes(descriptor, name: name)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        return OpenPicture(source: .init(descriptor: descriptor, sizeBytes: size), owned: true)
    }

    private static func standardInput() throws(Complaint) -> OpenPicture {
        guard isatty(STDIN_FILENO) == 0 else {
            throw Complaint(
                .usage, code: "usage",
                "--image - reads a picture from standard input, which is your terminal. Pipe one into it: "
                    + "fluxq submit --image - PROMPT <picture.png")
        }
        let size = try sizeBytes(STDIN_FILENO, name: "standard input")
        return OpenPicture(source: .init(descriptor: STDIN_FILENO, sizeBytes: size), owned: false)
    }

    func close() {
        // Nothing was written to it, so nothing can be lost.
        if owned { Glibc.close(source.descriptor) }
    }

    /// Bytes from the present position to the end; nil for a stream, once it has something to read, so that no
    /// connection is kept waiting for it.
    private static func sizeBytes(_ descriptor: Int32, name: String) throws(Complaint) -> Int64? {
        var file = stat()
        guard fstat(descriptor, &file) == 0 else {
            throw unreadable("Cannot read \(name): \(SystemError(code: errno)).")
        }
        switch file.st_mode & S_IFMT {
        case S_IFREG:
            let rest = Int64(file.st_size) - Int64(max(lseek(descriptor, 0, SEEK_CUR), 0))
            guard rest > 0 else {
                throw Complaint(.badInput, code: "not_a_picture", "\(name) is empty. Nothing was queued.")
            }
            return rest
        case S_IFDIR: throw unreadable("\(name) is a directory. Give one picture; a shell loop submits many.")
        default:
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            while poll(&ready, 1, -1) < 0, errno == EINTR {}
            return nil
        }
    }

    private static func unreadable(_ detail: String) -> Complaint {
        Complaint(.noInput, code: "no_input", "\(detail) Nothing was queued.")
    }
}
