/// The parts in which content is listed and looked after. A hash belongs to the bucket of its first byte, which are the first
/// two hexadecimal digits.
package enum ContentBuckets {
    package static let all: ClosedRange<UInt8> = .min ... .max
}
