import Glibc
import SystemPackage

/// The ranges of uids that users may use inside user namespaces, as subuid(5) lists them: `NAME-OR-UID:FIRST:COUNT`.
///
/// Outside of the namespace such a uid looks like a separate user, and one person may have 65,536 of them.
package struct SubordinateRanges: Hashable, Sendable {
    package static let standardFile = "/etc/subuid"
    private static let largestFileBytes = 16 << 20

    private struct Range: Hashable, Sendable {
        var owner: String
        var first: UInt64
        var count: UInt64
    }

    /// Sorted by their first uids.
    private let ranges: [Range]
    /// For each range, the last uid of it and all ranges before it.
    private let reach: [UInt64]

    /// Lines that are not ranges are ignored, as by the programs that use the file.
    package init(_ text: String) {
        let ranges: [Range] = text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count == 3, !fields[0].isEmpty, let first = Self.number(fields[1]),
                let count = Self.number(fields[2])
            else { return nil }
            guard count > 0 else { return nil }
            return Range(owner: String(fields[0]), first: first, count: count)
        }
        self.ranges = ranges.sorted { $0.first < $1.first }
        var furthest: UInt64 = 0
        reach = self.ranges.map { range in
            let (last, overflow) = range.first.addingReportingOverflow(range.count - 1)
            furthest = max(furthest, overflow ? .max : last)
            return furthest
        }
    }

    /// Reads the file. Blocks. A missing file grants nothing.
    package static func read(_ path: String = standardFile) throws(UserDatabase.Failure) -> SubordinateRanges {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return SubordinateRanges("") }
            throw failure(path)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= largestFileBytes {
            let count = Glibc.read(file, &piece, piece.count)
            if count == 0 { return SubordinateRanges(String(decoding: bytes, as: UTF8.self)) }
            if count < 0, errno != EINTR { throw failure(path) }
            bytes += piece.prefix(max(0, count))
        }
        throw UserDatabase.Failure(description: "\(path) is longer than \(largestFileBytes) bytes")
    }

    /// The users, by name or uid, who may use that uid. Leaves out root, who may use every uid, and the uid itself.
    package func owners(of uid: UInt32) -> [String] {
        let number = UInt64(uid)
        var owners: [String] = []
        // Backwards from the last range that does not begin after the uid.
        var index = beginning(after: number) - 1
        while index >= 0, reach[index] >= number {
            let range = ranges[index]
            if number - range.first < range.count, !["root", "0", String(uid)].contains(range.owner) {
                owners.append(range.owner)
            }
            index -= 1
        }
        return owners.reversed()
    }

    /// The number of ranges that begin at or below that uid.
    private func beginning(after uid: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].first <= uid { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Parses as strtoul(3) does with base 0, like the programs that use the file.
    private static func number(_ text: Substring) -> UInt64? {
        if text.hasPrefix("0x") || text.hasPrefix("0X") { return UInt64(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0"), text.count > 1 { return UInt64(text.dropFirst(), radix: 8) }
        return UInt64(text)
    }

    private static func failure(_ path: String) -> UserDatabase.Failure {
        .init(description: "\(path) cannot be read: \(Errno.last)")
    }
}
