import FluxqFormats
import FluxqModel
import Glibc

/// What was found under the packing of a body that is no picture as it came.
package enum Unpacked: Sendable {
    /// Nothing is packed around it, or not in a way that fluxq knows.
    case nothing
    /// What was in it, as a temporary file of its own.
    case file(IncomingFile)
    /// It is not what it seemed to be, or ends early.
    case broken
    /// It unpacks to more than the limit.
    case tooLarge
}

extension Spool {
    /// Takes one layer of packing off what came, into another temporary file; the file itself stays as it was.
    ///
    /// - Parameters:
    ///   - codings: what a header said of it, in small letters.
    ///   - limit: bytes of what it unpacks to.
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
                throw error as? ArchiveError ?? .failed(operation: .read, path: bytes.file.path, errno: EIO)
            }
            guard var unpacking = ContentUnpacking(head: head, codings: codings) else { return .nothing }
            do {
                // Not told by an error of the disk, which may have any number.
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
