import FluxqControl
import FluxqControlClient
import FluxqFormats
import FluxqHost
import Glibc
import SystemPackage

/// Notes and refusals for a picture to be sent, based on its bytes.
struct PictureReview {
    /// The name that the user gave: a file's path, or "standard input".
    let name: String
    /// The name quoted for a shell's command line.
    let file: String

    /// - Parameter path: nil for standard input.
    init(path: String?) {
        name = path.map(TerminalText.line) ?? "standard input"
        file = path.map { ShellWord.quoted(TerminalText.line($0)) } ?? "FILE"
    }

    /// The reason why it cannot be sent, with a command that converts it if there is one.
    func refusal(_ defect: PictureDefect) -> CommandFailure {
        var detail = "\(name) \(defect). Nothing was queued."
        if let command = ForeignFormat(defect)?.conversion(of: file) {
            detail += " Convert it first, such as with: \(command)"
        }
        return CommandFailure(.badInput, code: Problem.Code.notAPicture.rawValue, detail)
    }

    /// Facts that a person may want to know, though the picture is sent unchanged: a flaw, an EXIF rotation, a GPS
    /// position.
    ///
    /// - Throws: only what `source.read` throws.
    func notes(on source: some ByteSource) throws -> [String] {
        var notes: [String] = []
        if case .success(let info) = try PictureReader.inspect(source), let flaw = info.flaw {
            notes.append("\(name) \(flaw); it is sent as it is.")
        }
        let metadata = try PictureMetadata(of: source)
        if let orientation = metadata.orientation {
            notes.append(
                "\(name) is rotated or mirrored: its EXIF orientation is \(orientation) "
                    + "(\(Self.turn(orientation))), which "
                    + "many APIs ignore. It is sent as it is. To turn its pixels: convert \(file) -auto-orient out.jpg")
        }
        if metadata.hasPosition {
            notes.append(
                "\(name) contains a GPS position, which is sent to the API with it. To remove it: "
                    + "exiftool -gps:all= -xmp-exif:gps*= \(file)")
        }
        return notes
    }

    /// What a viewer does with this orientation.
    private static func turn(_ orientation: Int) -> String {
        switch orientation {
        case 2: "mirrored"
        case 3: "turned by 180 degrees"
        case 4: "mirrored and turned by 180 degrees"
        case 5: "mirrored and turned by 270 degrees clockwise"
        case 6: "turned by 90 degrees clockwise"
        case 7: "mirrored and turned by 90 degrees clockwise"
        default: "turned by 270 degrees clockwise"
        }
    }
}

/// A word of a shell's command line.
enum ShellWord {
    static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "/"), UInt8(ascii: ","), UInt8(ascii: "+"):
                true
            default: byte >= 0x80
            }
        }
        return plain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }
}

/// The bytes of an upload, for reading them again.
struct UploadedBytes: ByteSource {
    let source: UploadSource
    let size: Int64

    init(_ source: UploadSource) {
        self.source = source
        size = source.sizeBytes ?? Int64(source.keptBytes.count)
    }

    func read(at offset: Int64, count: Int) throws -> [UInt8] {
        guard source.sizeBytes != nil else { return source.keptBytes.read(at: offset, count: count) }
        let wanted = min(count, Int(max(size - offset, 0)))
        return try [UInt8](unsafeUninitializedCapacity: wanted) { room, filled in
            while filled < wanted {
                let place = off_t(source.start + offset) + off_t(filled)
                let got = pread(source.descriptor, room.baseAddress.map { $0 + filled }, wanted - filled, place)
                if got < 0, errno == EINTR { continue }
                guard got >= 0 else { throw UploadSource.ReadError.system(.last) }
                if got == 0 { return }
                filled += got
            }
        }
    }
}
