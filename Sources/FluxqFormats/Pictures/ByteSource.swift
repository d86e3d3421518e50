/// Bytes that can be read anywhere: a file, an array.
package protocol ByteSource {
    /// How many bytes there are.
    var size: Int64 { get }

    /// Up to `count` bytes from `offset`; fewer only where the source ends.
    func read(at offset: Int64, count: Int) throws -> [UInt8]
}

extension [UInt8]: ByteSource {
    package var size: Int64 { Int64(count) }

    package func read(at offset: Int64, count: Int) -> [UInt8] {
        guard offset >= 0, offset < size else { return [] }
        return Array(self[Int(offset)...].prefix(count))
    }
}
