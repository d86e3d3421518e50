import Foundation
import SystemCallShimInterface

/// The calls that the preloaded library recorded of one or several processes, in the order in which they took effect,
/// with the proof's own marks between them.
package struct Trace: Sendable {
    /// Paths are relative to the recorded directory, which itself is "".
    package enum Record: Hashable, Sendable {
        case create(path: String, inode: UInt64, mode: Int)
        case write(inode: UInt64, offset: Int, bytes: [UInt8])
        case truncate(inode: UInt64, size: Int)
        case sync(inode: UInt64)
        case syncDirectory(path: String)
        case rename(path: String, to: String)
        case link(path: String, to: String)
        case remove(path: String)
        case make(path: String)
        case changeMode(inode: UInt64, mode: Int)
        /// A sync that was reported as done but skipped: the write protocol is broken on purpose.
        case droppedSync(path: String)
        /// An observation that the proof made after all records before it.
        case mark(String)

        /// True if a program may now rely on its earlier writes.
        package var isBoundary: Bool {
            switch self {
            case .sync, .syncDirectory, .droppedSync: true
            default: false
            }
        }

        package var isCall: Bool {
            if case .mark = self { false } else { true }
        }
    }

    package struct Damaged: Error, CustomStringConvertible {
        package let description: String
    }

    package var records: [Record]

    package init(records: [Record]) {
        self.records = records
    }

    /// - Throws: `Damaged` if the file is not a complete trace.
    package init(contentsOf path: String) throws {
        let data = try Data(contentsOf: URL(filePath: path))
        records = try data.withUnsafeBytes { bytes in
            var records: [Record] = []
            var offset = 0
            while offset < bytes.count {
                let (record, length) = try Self.record(in: bytes, at: offset)
                records.append(record)
                offset += length
            }
            return records
        }
    }

    private static func record(in bytes: UnsafeRawBufferPointer, at start: Int) throws -> (Record, length: Int) {
        guard bytes.count - start >= MemoryLayout<shim_record>.size else {
            throw Damaged(description: "The trace ends in the middle of a record, at byte \(start).")
        }
        let head = bytes.loadUnaligned(fromByteOffset: start, as: shim_record.self)
        var offset = start + MemoryLayout<shim_record>.size
        guard bytes.count - offset >= Int(head.path_length) + Int(head.other_length) + Int(head.data_length) else {
            throw Damaged(description: "The trace ends in the middle of a record's data, at byte \(start).")
        }
        func take(_ length: UInt32) -> UnsafeRawBufferPointer {
            defer { offset += Int(length) }
            return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + Int(length)])
        }
        let path = String(decoding: take(head.path_length), as: UTF8.self)
        let other = String(decoding: take(head.other_length), as: UTF8.self)
        let written = take(head.data_length)
        let record: Record =
            switch shim_kind(head.kind) {
            case SHIM_RECORD_CREATE: .create(path: path, inode: head.inode, mode: Int(head.offset))
            case SHIM_RECORD_WRITE: .write(inode: head.inode, offset: Int(head.offset), bytes: Array(written))
            case SHIM_RECORD_TRUNCATE: .truncate(inode: head.inode, size: Int(head.offset))
            case SHIM_RECORD_SYNC: .sync(inode: head.inode)
            case SHIM_RECORD_SYNC_DIRECTORY: .syncDirectory(path: path)
            case SHIM_RECORD_RENAME: .rename(path: path, to: other)
            case SHIM_RECORD_LINK: .link(path: path, to: other)
            case SHIM_RECORD_REMOVE: .remove(path: path)
            case SHIM_RECORD_MAKE: .make(path: path)
            case SHIM_RECORD_CHANGE: .changeMode(inode: head.inode, mode: Int(head.offset))
            case SHIM_RECORD_DROPPED_SYNC: .droppedSync(path: path)
            case SHIM_RECORD_MARK: .mark(path)
            default:
                throw Damaged(description: "The trace has a record of unknown kind \(head.kind), at byte \(start).")
            }
        return (record, offset - start)
    }
}
