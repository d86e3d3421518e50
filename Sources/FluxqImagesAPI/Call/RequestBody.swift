import FluxqModel
import FoundationEssentials
import NIOCore

/// The body of one call, in pieces of a known total length: the request's JSON with the picture as a `data:` URI at its
/// end.
///
/// The picture comes last, so that a server reads all the rest before the megabytes of the picture and can refuse
/// early.
///
/// AsyncHTTPClient asks for the first piece once the connection and its TLS are up and the head is written. It asks for
/// each next piece after it has accepted the previous one. The last byte is a piece of its own behind the gate.
struct RequestBody: AsyncSequence, Sendable {
    /// The request cannot be expressed in a form that can be sent.
    struct Unsendable: Error {
        let message: String
    }

    /// The picture cannot be read now. The cause is this host and may be temporary.
    struct Unreadable: Error {
        let message: String
    }

    /// The number of bytes read from the picture at a time. A multiple of 3, so that the base64 of the pieces can be
    /// concatenated.
    static let pieceBytes = 192 * 1024

    let length: Int64
    private let head: [UInt8]
    private let picture: (any PictureSource)?
    private let tail: [UInt8]
    private let gate: SendGate
    private let clock: @Sendable () -> Timestamp

    /// - Parameter clock: returns the time that `SendGate` records for the last byte.
    init(
        _ request: EditRequest, picture: (any PictureSource)?, gate: SendGate,
        clock: @escaping @Sendable () -> Timestamp
    ) throws(Unsendable) {
        let json: [UInt8]
        let opening: [UInt8]
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            json = try Array(encoder.encode(request))
            let uri = "data:\(picture?.mediaType ?? "");base64,"
            opening = try Array(encoder.encode(uri)).dropLast()
        } catch {
            throw Unsendable(message: "The request could not be written as JSON: \(error)")
        }
        if case .content(let hash) = request.image {
            guard let picture else { throw Unsendable(message: "The request's picture \(hash) was not given along.") }
            // Quotes inside of strings are escaped, so this can only be the field itself.
            // The comma after it goes too: `model`, which every request has, comes later in the alphabet.
            guard let field = json.firstRange(of: Array("\"image\":\"\(hash)\",".utf8)) else {
                throw Unsendable(message: "The request's JSON has no place for its picture.")
            }
            head =
                json[..<field.lowerBound] + json[field.upperBound...].dropLast() + Array(",\"image\":".utf8) + opening
            tail = Array("\"}".utf8)
            self.picture = picture
            length = Int64(head.count + tail.count) + (picture.size + 2) / 3 * 4
        } else {
            head = json.dropLast()
            tail = json.suffix(1)
            self.picture = nil
            length = Int64(json.count)
        }
        self.gate = gate
        self.clock = clock
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(body: self)
    }

    struct Iterator: AsyncIteratorProtocol {
        private enum Next {
            case head
            case picture(offset: Int64)
            case tail
            case lastByte
            case nothing
        }

        private let body: RequestBody
        private var next = Next.head

        fileprivate init(body: RequestBody) {
            self.body = body
        }

        mutating func next() async throws -> ByteBuffer? {
            guard body.gate.isOpen else { return try closed() }
            while true {
                switch next {
                case .head:
                    next = .picture(offset: 0)
                    return ByteBuffer(bytes: body.head)
                case .picture(let offset):
                    if let picture = body.picture, offset < picture.size {
                        next = .picture(offset: offset + Int64(RequestBody.pieceBytes))
                        return try await piece(of: picture, at: offset)
                    }
                    next = .tail
                case .tail:
                    next = .lastByte
                    if body.tail.count > 1 { return ByteBuffer(bytes: body.tail.dropLast()) }
                case .lastByte:
                    next = .nothing
                    guard body.gate.release(at: body.clock()) else { return try closed() }
                    CrashPoint.lastByteReleased.pass()
                    return ByteBuffer(bytes: body.tail.suffix(1))
                case .nothing:
                    return nil
                }
            }
        }

        /// After the last byte, ends the body; before it, ends the call.
        private func closed() throws -> ByteBuffer? {
            if case .nothing = next {
                CrashPoint.lastByteHandedOver.pass()
                return nil
            }
            throw CancellationError()
        }

        private func piece(of picture: any PictureSource, at offset: Int64) async throws -> ByteBuffer {
            let count = Int(Swift.min(Int64(RequestBody.pieceBytes), picture.size - offset))
            let bytes: ByteBuffer
            do {
                bytes = try await picture.read(at: offset, count: count)
            } catch {
                throw Unreadable(message: "The picture to send could not be read: \(error)")
            }
            guard bytes.readableBytes == count else {
                throw Unreadable(message: "The picture to send is shorter than its \(picture.size) bytes.")
            }
            return ByteBuffer(bytes: Data(bytes.readableBytesView).base64EncodedData())
        }
    }
}
