/// The buckets in which content is listed and checked. A hash belongs to the bucket of its first byte, which is its
/// first two hexadecimal digits.
package enum ContentBuckets {
    package static let all: ClosedRange<UInt8> = .min ... .max
}
