import FluxqHost
import FoundationEssentials
import Glibc
import NIOPosix
import SystemPackage

/// The record of what the real API would have billed: one line of JSON for each received call, in the order in which
/// they were judged.
///
/// A line is written before any wait and before the first byte of the answer. It is one write at the file's end, so it
/// survives a kill -9.
package struct SandboxLedger: Sendable {
    /// One call.
    package struct Entry: Codable, Hashable, Sendable {
        /// The request's id, as in `error.param` and the header `x-request-id`.
        package let id: String
        /// When the request's head arrived: ISO 8601 with milliseconds, UTC.
        package let receivedAt: String
        /// The same in microseconds since 1970.
        package let receivedUnixMicroseconds: Int64
        /// The same by CLOCK_MONOTONIC, which all processes of the host share.
        package let receivedMonotonicNanoseconds: Int64
        /// nil if the request had none, as for the next three fields.
        package let prompt: String?
        package let model: String?
        package let n: Int64?
        package let seed: Int64?
        /// Of the answer; nil if there was none.
        package let status: Int?
        /// True if the real vendor would, or may, have billed it.
        package let billed: Bool
        /// The number of pictures that it would have billed.
        package let images: Int

        enum CodingKeys: String, CodingKey {
            case id, prompt, model, n, seed, status, billed, images
            case receivedAt = "received_at"
            case receivedUnixMicroseconds = "received_unix_us"
            case receivedMonotonicNanoseconds = "received_monotonic_ns"
        }
    }

    package let path: String

    /// More than any test or demonstration writes; the rest is not read.
    private static let limitBytes = 1 << 30

    package init(directory: String) {
        path = "\(directory)/ledger.jsonl"
    }

    /// Every call so far; empty if there is no ledger. Any process may read the file. Blocks.
    ///
    /// - Throws: `SandboxError`.
    package func entries() throws -> [Entry] {
        guard let bytes = try SandboxFile.read(path, limit: Self.limitBytes) else { return [] }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let decoder = JSONDecoder()
        // After the last newline there is nothing, or a line that is being written.
        return try lines.dropLast().enumerated().map { number, line in
            do {
                return try decoder.decode(Entry.self, from: Data(line))
            } catch {
                throw SandboxError.ledgerLine(path: path, line: number + 1)
            }
        }
    }
}

/// The writing end of the ledger.
final class LedgerWriter: Sendable {
    private let file: Int32
    private let path: String

    init(_ ledger: SandboxLedger) throws(SandboxError) {
        path = ledger.path
        file = try SandboxFile.openForAppending(ledger.path)
    }

    deinit {
        close(file)
    }

    /// - Throws: `SandboxError` if the line was not written.
    func append(_ entry: SandboxLedger.Entry) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = Array(try encoder.encode(entry)) + [UInt8(ascii: "\n")]
        try await NIOThreadPool.singleton.runIfActive { [file, path] in
            let count = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count != line.count {
                throw SandboxError.file(path: path, doing: "write", count < 0 ? .last : .noSpace)
            }
        }
    }
}

/// The arrival time of a request's head, by both clocks.
struct Arrival: Sendable {
    private let wall = HostClock.wall()
    private let monotonic = HostClock.monotonic()

    var unixSeconds: Int { Int(wall.components.seconds) }

    var unixMicroseconds: Int64 { wall.wholeMicroseconds }

    var monotonicNanoseconds: Int64 { monotonic.wholeNanoseconds }

    var text: String {
        Date(timeIntervalSince1970: Double(unixMicroseconds / 1000) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
