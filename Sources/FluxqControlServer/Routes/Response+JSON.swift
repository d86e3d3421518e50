import FluxqControl
import FoundationEssentials
package import HTTPTypes
package import HummingbirdCore
import NIOCore

extension Response {
    /// A document with its keys in a fixed order, so that equal answers have equal bytes.
    package init(
        _ document: some Encodable, status: HTTPResponse.Status = .ok, mediaType: String = "application/json"
    ) throws {
        self.init(
            status: status, headers: [.contentType: mediaType],
            body: .init(byteBuffer: ByteBuffer(string: try jsonLine(document) + "\n")))
    }

    init(_ problem: Problem) {
        let status = HTTPResponse.Status(code: problem.status)
        do {
            try self.init(problem, status: status, mediaType: Problem.mediaType)
        } catch {
            // A problem consists of strings and numbers, which always encode; its status matters most.
            self.init(status: status)
        }
        // Required with this status (RFC 9110, 15.5.2). Browsers do not ask for a password in this scheme.
        if status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
    }
}

/// JSON on one line.
package func jsonLine(_ document: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(document), as: UTF8.self)
}
