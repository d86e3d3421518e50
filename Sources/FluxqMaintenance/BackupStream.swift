import Dispatch
import Foundation
import Glibc
import NIOCore
import Synchronization

/// What the two halves of a backup say to each other, over a pair of sockets: the one that reads the state, as its owner, and
/// the one that writes the backup. Neither opens a file of the other's.
///
/// ```
/// writer  earlier N, N bytes | none       the database that is in the backup, and its log (log N, N bytes) if it has one
/// reader  backup | other                  whether that is the database of a backup
/// reader  database N, N bytes             the snapshot
/// then for each of the 256 buckets:
/// writer  HASH N …, end                   what the backup has of it
/// reader  file HASH N, N bytes            what it has not
///         kept HASH | only HASH           what it has; the second is not in the archive any more
///         doubtful HASH | damaged HASH    what is not whole in the archive, and of another size in the backup; or not there
///         …, end
/// ```
/// In place of any line: `failed WHY`.
package final class BackupStream: Sendable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The other half is gone.
        case ended
        /// It says something that is not expected there.
        case unexpected(String)
        /// What it says of its failure.
        case other(String)
        case system(Int32)

        package var description: String {
            switch self {
            case .ended: "the backup's other process has ended"
            case .unexpected(let line): "the backup's other process reports: \(line)"
            case .other(let why): why
            case .system(let code): String(cString: strerror(code))
            }
        }
    }

    /// Longer lines are not read.
    private static let longestLine = 4096
    private static let pieceBytes = 1 << 20

    private let descriptor: CInt
    /// What blocks; one thing at a time.
    private let queue = DispatchQueue(label: "fluxq.backup")
    private let pending = Mutex<ArraySlice<UInt8>>([])

    /// - Parameter descriptor: one of a pair of connected sockets, which stays the caller's.
    package init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Ends every conversation with the other half, on both sides.
    package func end() {
        shutdown(descriptor, CInt(SHUT_RDWR))
    }

    func send(_ words: String...) async throws {
        try await send(ArraySlice((words.joined(separator: " ") + "\n").utf8))
    }

    func send(_ bytes: ArraySlice<UInt8>) async throws {
        let descriptor = descriptor
        try await blocking {
            var left = bytes
            while !left.isEmpty {
                let count = left.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
                }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw errno == EPIPE ? Failure.ended : Failure.system(errno) }
                left = left.dropFirst(count)
            }
        }
    }

    /// Sends so many bytes of a file, from where it is read. If it grows meanwhile, what is added is left out: the other half
    /// has been told how many bytes follow.
    ///
    /// - Parameter path: for the failure of a file that has been cut meanwhile.
    func send(_ count: UInt64, of handle: FileHandle, path: String) async throws {
        var left = count
        while left > 0 {
            guard let piece = try handle.read(upToCount: Int(min(left, UInt64(Self.pieceBytes)))), !piece.isEmpty else {
                throw Failure.other("\(path) has changed while it was read. Try again")
            }
            left -= UInt64(piece.count)
            try await send(ArraySlice(piece))
        }
    }

    /// Sends a failure, as one line. Nobody may be there to hear it any more.
    package func send(failure error: any Error) async {
        let text = "\(error)".replacing("\n", with: " ")
        do {
            try await send("failed", String(decoding: text.utf8.prefix(Self.longestLine / 2), as: UTF8.self))
        } catch {
            end()
        }
    }

    /// The words of the next line.
    func line() async throws -> [String] {
        while true {
            let line = pending.withLock { pending -> ArraySlice<UInt8>? in
                guard let end = pending.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
                defer { pending = pending[(end + 1)...] }
                return pending[..<end]
            }
            if let line {
                let text = String(decoding: line, as: UTF8.self)
                if text.hasPrefix("failed ") { throw Failure.other(String(text.dropFirst("failed ".count))) }
                return text.split(separator: " ").map(String.init)
            }
            guard pending.withLock({ $0.count }) <= Self.longestLine else { throw Failure.unexpected("a long line") }
            let more = try await receive()
            pending.withLock { $0 += more }
        }
    }

    /// Hands on so many bytes, in pieces.
    func bytes(_ count: Int64, _ take: (ArraySlice<UInt8>) async throws -> Void) async throws {
        var left = count
        while left > 0 {
            try Task.checkCancellation()
            var piece = pending.withLock { pending in
                defer { pending = [] }
                return pending
            }
            if piece.isEmpty { piece = try await receive() }
            let taken = piece.prefix(Int(clamping: left))
            let rest = piece.dropFirst(taken.count)
            if !rest.isEmpty { pending.withLock { $0 = rest } }
            left -= Int64(taken.count)
            try await take(taken)
        }
    }

    private func receive() async throws -> ArraySlice<UInt8> {
        let descriptor = descriptor
        return try await blocking {
            var piece = [UInt8](repeating: 0, count: Self.pieceBytes)
            while true {
                let count = recv(descriptor, &piece, piece.count, 0)
                if count > 0 { return piece.prefix(count) }
                if count == 0 { throw Failure.ended }
                if errno != EINTR { throw errno == ECONNRESET ? Failure.ended : Failure.system(errno) }
            }
        }
    }

    private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try work() }) }
            }
        } onCancel: {
            end()
        }
    }
}
