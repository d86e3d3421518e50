import FluxqTestSupport
import Testing

@testable import FluxqFormats

/// Bytes that are made to trap a reader, to keep it busy or to fill its memory.
@Suite("Hostile pictures", .timeLimit(.minutes(30)))
struct HostilePictureTests {
    /// Counts the bytes read. Not Sendable: each test has its own.
    private final class CountingSource: ByteSource {
        private let bytes: [UInt8]
        private(set) var bytesRead = 0
        private(set) var largestRead = 0

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        var size: Int64 { bytes.size }

        func read(at offset: Int64, count: Int) -> [UInt8] {
            largestRead = max(largestRead, count)
            let piece = bytes.read(at: offset, count: count)
            bytesRead += piece.count
            return piece
        }
    }

    @Test("any flipped bit of any sample is survived", arguments: SamplePictures.all)
    func flips(_ sample: SamplePicture) throws {
        for bit in 0..<sample.bytes.count * 8 {
            let flipped = sample.bytes.replacing(at: bit / 8, with: [sample.bytes[bit / 8] ^ 1 << UInt8(bit % 8)])
            let result = try PictureReader.inspect(flipped)
            if case .success(let info) = result {
                let isLarge = info.width * info.height > PictureReader.pixelLimit
                #expect(info.format == sample.format && (!isLarge || info.flaw != nil))
            }
        }
    }

    @Test("any byte of any sample may be 00, 7F, 80 or FF", arguments: SamplePictures.all)
    func extremes(_ sample: SamplePicture) throws {
        for offset in sample.bytes.indices {
            for byte: UInt8 in [0x00, 0x7F, 0x80, 0xFF] {
                _ = try PictureReader.inspect(sample.bytes.replacing(at: offset, with: [byte]))
                // Numbers of four bytes, all bytes at the same time.
                let rest = min(4, sample.bytes.count - offset)
                _ = try PictureReader.inspect(
                    sample.bytes.replacing(at: offset, with: [UInt8](repeating: byte, count: rest)))
            }
        }
    }

    @Test("random damage is survived with little reading", arguments: SamplePictures.all, [1, 2, 3] as [UInt64])
    func randomDamage(_ sample: SamplePicture, seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        for _ in 0..<1500 {
            var bytes = sample.bytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let offset = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[offset] = .random(in: .min ... .max, using: &random)
                case 1: bytes.removeSubrange(offset..<min(offset + 8, bytes.count - 1))
                case 2: bytes.insert(contentsOf: bytes[offset...].prefix(16), at: offset)
                default: bytes.replaceSubrange(offset..<offset + 1, with: [0xFF, 0xFF, 0xFF, 0xFF])
                }
            }
            let source = CountingSource(bytes)
            _ = try PictureReader.inspect(source)
            #expect(source.bytesRead <= 40 * bytes.count)
        }
    }

    @Test("a beginning is all that random bytes have in common with a picture", arguments: PictureFormat.allCases)
    func randomBytes(_ format: PictureFormat) throws {
        let sample = try #require(SamplePictures.all.first { $0.format == format })
        var random = SplitMix64(state: 42)
        for _ in 0..<300 {
            let tail = (0..<2000).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            _ = try PictureReader.inspect(sample.bytes.prefix(Int.random(in: 12...60, using: &random)) + tail)
        }
    }

    /// A quarter of a mebibyte each of the most expensive input for a reader.
    private static let endless: [(String, [UInt8])] = {
        func repeated(_ bytes: [UInt8]) -> [UInt8] {
            (0..<(1 << 18) / bytes.count).flatMap { _ in bytes }
        }
        func box(_ type: String, _ content: [UInt8]) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: UInt32(content.count + 8) >> $0) } + Array(type.utf8)
                + content
        }
        let fileType = box("ftyp", Array("avif".utf8) + [0, 0, 0, 0])
        let empty = box("free", [])
        let size = box("ispe", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
        return [
            ("empty GIF blocks", Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0] + repeated([0x21, 1, 0])),
            ("GIF sub-blocks of one byte", Array("GIF89a".utf8) + [1, 0, 1, 0, 0, 0, 0, 0x21, 1] + repeated([1, 9])),
            ("JPEG markers", [0xFF, 0xD8] + repeated([0xFF, 0x01])),
            ("JPEG fill bytes", [0xFF, 0xD8] + repeated([0xFF])),
            ("JPEG stuffing", SamplePictures.jpeg.bytes.dropLast(8) + repeated([0xFF, 0])),
            (
                "WebP chunks",
                Array("RIFF".utf8) + [0xF8, 0xFF, 3, 0] + SamplePictures.extendedWebP.bytes[8..<30]
                    + repeated(Array("EXIF".utf8) + [0, 0, 0, 0])
            ),
            ("AVIF boxes", fileType + repeated(empty)),
            ("AVIF properties", fileType + box("meta", [0, 0, 0, 0] + box("iprp", box("ipco", repeated(size))))),
            // Each item of 6 bytes claims 65,535 extents of no bytes.
            (
                "AVIF extents of nothing",
                fileType
                    + box(
                        "meta",
                        [0, 0, 0, 0]
                            + box("iloc", [0, 0, 0, 0, 0, 0, 0xFF, 0xFF] + repeated([0, 1, 0, 0, 0xFF, 0xFF])))
            ),
            (
                "AVIF associations",
                fileType
                    + box(
                        "meta",
                        [0, 0, 0, 0] + box("pitm", [0, 0, 0, 0, 0, 1])
                            + box(
                                "iprp",
                                box("ipma", [0, 0, 0, 0, 0, 5, 0, 0] + repeated([0, 1, 2, 1, 1]))))
            ),
        ]
    }()

    @Test("work and memory stay in proportion to the bytes", arguments: endless)
    func proportion(name: String, bytes: [UInt8]) throws {
        let source = CountingSource(bytes)
        if case .success = try PictureReader.inspect(source) { Issue.record("it is no picture") }
        #expect(source.largestRead <= 65_536)
        #expect(source.bytesRead <= 3 * bytes.count + (1 << 18))
    }
}
