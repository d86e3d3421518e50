/// The part of a body of known size that a Range header (RFC 9110, 14.2) requests.
enum ByteRange: Hashable {
    /// No range, several, or an invalid one, which the standard says to ignore.
    case whole
    case part(ClosedRange<Int64>)
    case unsatisfiable

    /// - Parameters:
    ///   - header: such as `bytes=0-99`, `bytes=100-` or `bytes=-50`.
    ///   - size: in bytes.
    init(_ header: String?, size: Int64) {
        self = .whole
        guard let header, let equals = header.firstIndex(of: "="), header[..<equals].lowercased() == "bytes" else {
            return
        }
        let bounds = header[header.index(after: equals)...].split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2, let first = Bound(bounds[0]), let last = Bound(bounds[1]) else { return }
        switch (first, last) {
        case (.absent, .absent): return
        case (.absent, .at(let count)):
            self = count > 0 && size > 0 ? .part(max(size - count, 0)...size - 1) : .unsatisfiable
        case (.at(let first), .absent):
            self = first < size ? .part(first...size - 1) : .unsatisfiable
        case (.at(let first), .at(let last)):
            guard first <= last else { return }
            self = first < size ? .part(first...min(last, size - 1)) : .unsatisfiable
        }
    }

    private enum Bound {
        case absent
        case at(Int64)

        /// nil for anything but digits.
        init?(_ text: Substring) {
            guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
            // A number with too many digits is past every end.
            self = text.isEmpty ? .absent : .at(Int64(text) ?? .max)
        }
    }
}
