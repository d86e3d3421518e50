/// The checksum at the end of a zlib stream (RFC 1950). Unsafe pointers and while loops keep it fast in debug builds.
struct Adler32 {
    private var low: UInt32 = 1
    private var high: UInt32 = 0
    private static let modulus: UInt32 = 65_521
    /// The number of bytes that can be added before 32 bits overflow.
    private static let stride = 5552

    mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        let count = bytes.count
        var index = 0
        var low = low
        var high = high
        while index < count {
            let end = min(index &+ Self.stride, count)
            while index < end {
                low = low &+ UInt32(start[index])
                high = high &+ low
                index &+= 1
            }
            low %= Self.modulus
            high %= Self.modulus
        }
        self.low = low
        self.high = high
    }

    var value: UInt32 { high << 16 | low }
}
