import Dispatch
import FluxqHost
import Foundation
import Glibc
import NIOCore
import Synchronization
package import SystemPackage

/// The protocol between the two halves of a backup, over a pair of sockets. One half reads the state, as its owner; the
/// other writes the backup. Neither opens the other's files.
///
/// ```
/// writer  earlier N, N bytes | none    the backup's database, and its log (log N, N bytes) if it has one
/// reader  backup | other               whether that is the database of a backup
/// reader  database N, N bytes          the snapshot
/// then for each of the 256 buckets:
/// writer  HASH N …, end                the backup's inventory
/// reader  file HASH N, N bytes         content that the backup lacks
///         kept HASH | only HASH        content that the backup has; for `only`, the archive no longer has it
///         doubtful HASH                not whole in the archive, and of another size in the backup
///         damaged HASH                 not whole in the archive, and not in the backup
///         …, end
/// ```
/// Instead of any line: `failed WHY`.
package final class BackupStream: Sendable {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// The other half has ended.
        case ended
        /// The other half sent something that is not expected there.
        case unexpected(String)
        /// The failure that the other half reported.
        case other(String)
        case system(Errno)

        package var description: String {
            switch self {
            case .ended: "the backup's other process has ended"
            case .unexpected(let line): "the backup's other process reports: \(line)"
            case .other(let why): why
            case .system(let code): "\(code)"
            }
        }
    }

    /// The limit for a line in bytes; a longer line is a failure.
    private static let longestLine = 4096
    private static let pieceBytes = 1 << 20

    private let descriptor: CInt
    /// Runs blocking work, one item at a time.
    private let queue = DispatchQueue(label: "fluxq.backup")
    private let pending = Mutex<ArraySlice<UInt8>>([])

    /// - Parameter descriptor: one of a pair of connected sockets. The caller still owns it.
    package init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Ends the conversation with the other half, in both directions.
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
                guard count > 0 else { throw errno == EPIPE ? Failure.ended : .system(.last) }
                left = left.dropFirst(count)
            }
        }
    }

    /// Sends `count` bytes of a file from its current position. If the file grows meanwhile, the added bytes are not
    /// sent: the other half already knows the number of bytes that follow.
    ///
    /// - Parameter path: for the message if the file is truncated meanwhile.
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

    /// Sends a failure, as one line. The other half may have ended already.
    package func send(failure error: any Error) async {
        let text = "\(error)".replacing("\n", with: " ")
        do {
            try await send("failed", String(decoding: text.utf8.prefix(Self.longestLine / 2), as: UTF8.self))
        } catch {
            end()
        }
    }

    /// Returns the words of the next line.
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

    /// Passes on `count` bytes, in pieces.
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
                if errno != EINTR { throw errno == ECONNRESET ? Failure.ended : .system(.last) }
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
