import FluxqFormats
import FluxqModel
import Glibc
import SystemPackage

/// The result of unpacking a body that is not a picture as received.
package enum Unpacked: Sendable {
    /// It is not packed, or not in a way that fluxq knows.
    case nothing
    /// The unpacked bytes, as a temporary file of their own.
    case file(IncomingFile)
    /// Its packing is invalid or ends early.
    case broken
    /// It unpacks to more than the limit.
    case tooLarge
}

extension Spool {
    /// Unpacks one layer of what was received into another temporary file. The received file stays unchanged.
    ///
    /// - Parameters:
    /// - codings: the codings that a header named, in lowercase.
    /// - limit: the largest unpacked size in bytes.
    package func unpack(
        _ incoming: IncomingFile, codings: [String], limit: Int64
    ) async throws(ArchiveError) -> Unpacked {
        let unpacked = try await receive(limit: limit)
        let result = try await offloaded.watched { () throws(ArchiveError) -> Unpacked in
            let bytes = try incoming.contents().bytes
            let head: [UInt8]
            do {
                head = try bytes.read(at: 0, count: ContentUnpacking.headLength)
            } catch {
                throw error as? ArchiveError ?? .failed(operation: .read, path: bytes.file.path, errno: .ioError)
            }
            guard var unpacking = ContentUnpacking(head: head, codings: codings) else { return .nothing }
            do {
                // A flag, because an error of the disk may have any number.
                var isBroken = false
                try bytes.file.withPieces(of: bytes.size) { (piece, _) throws(ArchiveError) in
                    if isBroken { return }
                    do {
                        try unpacking.unpack(UnsafeRawBufferPointer(piece)) { try unpacked.append($0) }
                    } catch let error as ArchiveError {
                        throw error
                    } catch {
                        isBroken = true
                    }
                }
                if isBroken { return .broken }
                try unpacking.finish { try unpacked.append($0) }
                return .file(unpacked)
            } catch ArchiveError.tooLarge {
                return .tooLarge
            } catch let error as ArchiveError {
                throw error
            } catch {
                return .broken
            }
        }
        if case .file = result { return result }
        await discard(unpacked)
        return result
    }
}
