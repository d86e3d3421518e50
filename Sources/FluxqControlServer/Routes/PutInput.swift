import FluxqArchive
import FluxqControl
import FluxqModel
import FluxqStore
import HummingbirdCore
import Logging
import NIOCore

extension Routes {
    /// `PUT /v1/inputs`: stores the body as an input of the caller.
    func putInput(_ call: Call) async throws -> Response {
        try call.takesNoQuery()
        let limit = settings.maxInputBytes
        if let length = call.contentLength, length > limit { throw Problem.pictureTooLarge(limit: limit) }
        let upload = try await uploads.begin(of: call.caller.user, length: call.contentLength)
        // Its promised space is freed once its row counts it, or once it is discarded.
        defer { withExtendedLifetime(upload) {} }
        let file = try await archive.spool.receive(limit: limit)
        do {
            while let piece = try await call.body.piece() {
                if file.bytes + Int64(piece.readableBytes) <= limit { try await upload.take(piece.readableBytes) }
                try await file.write(piece)
            }
            CrashPoint.inputReceived.pass()
            guard file.bytes > 0 else { throw Problem.emptyInput }
            let picture = try await keep(file, for: call.caller)
            userLog.log(.info, "An input was kept.", of: call.caller.uid, ["bytes": "\(picture.bytes)"])
            return try Response(InputDocument(picture))
        } catch {
            await archive.spool.discard(file)
            throw error
        }
    }
}
