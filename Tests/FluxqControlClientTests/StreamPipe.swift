import Foundation

/// Both ends of a pipe; ends that are still open are closed with it.
final class StreamPipe: Sendable {
    let reading: Int32
    private let writer: FileHandle
    private let pipe = Pipe()

    init() {
        reading = pipe.fileHandleForReading.fileDescriptor
        writer = pipe.fileHandleForWriting
    }

    func write(_ bytes: [UInt8]) throws {
        try writer.write(contentsOf: Data(bytes))
    }

    func end() throws {
        try writer.close()
    }
}
