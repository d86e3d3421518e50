/// Bytes that can be read at any offset, such as a file or an array.
package protocol ByteSource {
    /// The number of bytes.
    var size: Int64 { get }

    /// Returns up to `count` bytes from `offset`, fewer only at the end of the source.
    func read(at offset: Int64, count: Int) throws -> [UInt8]
}

extension [UInt8]: ByteSource {
    package var size: Int64 { Int64(count) }

    package func read(at offset: Int64, count: Int) -> [UInt8] {
        guard offset >= 0, offset < size else { return [] }
        return Array(self[Int(offset)...].prefix(count))
    }
}
