import FluxqFormats
import FoundationEssentials
import HummingbirdCore
import NIOCore

/// The body of one request for pictures, read to its end.
struct ReceivedCall {
    /// The body without its picture; nil if it is not JSON.
    let fields: JSONValue?
    /// Digest of the `image`, or its error; nil if there is no text under that name.
    let image: Result<String, VendorError>?
    let tooLarge: Bool

    /// Maximum bytes of a body with its picture.
    static let limitBytes = 64 << 20
    /// Maximum bytes of a body without its picture.
    static let remainderLimitBytes = 1 << 20

    private init(fields: JSONValue? = nil, image: Result<String, VendorError>? = nil, tooLarge: Bool = false) {
        self.fields = fields
        self.image = image
        self.tooLarge = tooLarge
    }

    /// Reads a request's body; a picture in it is written to an unnamed file in the directory.
    ///
    /// - Parameter pictureBegins: gets the text before the picture; returns true to skip the rest.
    /// - Returns: nil if the rest was not read.
    /// - Throws: errors of the connection; `SandboxError` if the file cannot be written.
    static func read(
        _ body: RequestBody, directory: String, pictureBegins: ([UInt8]) -> Bool
    ) async throws -> ReceivedCall? {
        var diverter = JSONDiverter(path: [.key("image")], remainderLimit: remainderLimitBytes)
        var picture: (ordinal: Int, content: ReceivedPicture)?
        var image: Result<String, VendorError>?
        var length = 0
        var tooLarge = false
        for try await buffer in body {
            length += buffer.readableBytes
            // A body that is too long is still read to its end: a client that is still sending would miss the answer.
            if length > limitBytes { tooLarge = true }
            if tooLarge { continue }
            let events: [JSONDiverter.Event]
            do {
                events = try diverter.consume(buffer.readableBytesView)
            } catch {
                tooLarge = true
                continue
            }
            for event in events {
                switch event {
                case .begin(let ordinal):
                    if pictureBegins(diverter.remainder) { return nil }
                    picture = (ordinal, ReceivedPicture(directory: directory))
                case .bytes(let bytes):
                    try await picture?.content.consume(bytes)
                case .end:
                    do {
                        if let digest = try await picture?.content.finish() { image = .success(digest) }
                    } catch let error as VendorError {
                        image = .failure(error)
                    }
                }
            }
        }
        if tooLarge { return ReceivedCall(tooLarge: true) }
        let fields: JSONValue?
        do {
            fields = try JSONDecoder().decode(JSONValue.self, from: Data(diverter.remainder))
        } catch {
            fields = nil
        }
        // If `image` occurs twice, only the one that the rest of the JSON refers to counts.
        let ordinal = fields?["image"]?.string.flatMap { diverter.ordinal(ofMarker: $0) }
        if let ordinal, ordinal != picture?.ordinal {
            image = .failure(.param("image is there twice; send it once"))
        }
        return ReceivedCall(fields: fields, image: ordinal == nil ? nil : image)
    }
}
