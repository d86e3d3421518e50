import LibFuzzer

@testable import FluxqFormats

/// A picture is the same in every way of reading it, its size is possible, and a complete one ends at its end mark.
enum PictureTarget {
    /// Returns the head whole and everything after it in small pieces.
    private struct DrippingSource: ByteSource {
        let bytes: [UInt8]
        let pieceLength: Int
        var size: Int64 { bytes.size }

        func read(at offset: Int64, count: Int) -> [UInt8] {
            bytes.read(at: offset, count: count > ContentGuess.headLength ? min(count, pieceLength) : count)
        }
    }

    static func check(_ input: [UInt8]) {
        let result = inspect(input)
        for length in [1, 7, 61] {
            let dripped = try? PictureReader.inspect(DrippingSource(bytes: input, pieceLength: length))
            expect(dripped == result, "in pieces of \(length) it is what it is whole: \(result)")
        }
        switch result {
        case .failure(let defect):
            expect(defect.description.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a defect is one line of text")
        case .success(let info):
            expect((1...PictureReader.possibleSides).contains(info.width), "its width is possible")
            expect((1...PictureReader.possibleSides).contains(info.height), "its height is possible")
            let isLarge =
                max(info.width, info.height) > PictureReader.sideLimit
                || info.width * info.height > PictureReader.pixelLimit
            expect(!isLarge || info.flaw != nil, "a size that most programs cannot show is told")
            if info.flaw == nil { checkEnd(of: input, info) }
        }
    }

    private static func inspect(_ bytes: some Collection<UInt8>) -> Result<PictureInfo, PictureDefect> {
        guard let result = try? PictureReader.inspect(Array(bytes)) else { fatalError("an array cannot fail") }
        return result
    }

    /// Finds the shortest complete prefix and checks its end.
    private static func checkEnd(of input: [UInt8], _ info: PictureInfo) {
        var (cut, whole) = (0, input.count)
        while whole - cut > 1 {
            let middle = (cut + whole) / 2
            if case .success(let same) = inspect(input[..<middle]), same.flaw == nil {
                expect(same == info || info.format == .avif, "what follows a whole picture does not change its size")
                whole = middle
            } else {
                cut = middle
            }
        }
        let end = input[..<whole]
        switch info.format {
        case .png: expect(whole == endOfPNG(input), "a PNG ends behind its IEND chunk")
        case .jpeg: expect(end.suffix(2).elementsEqual([0xFF, 0xD9]), "a JPEG ends with EOI")
        case .gif: expect(end.last == 0x3B, "a GIF ends with its trailer")
        case .webp:
            let length = input[4..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            expect(whole == 8 + length, "a WebP has the length of its RIFF")
        case .avif: break  // Ends with the box that has the last of its data.
        }
        guard info.format != .avif else { return }
        switch inspect(end.dropLast()) {
        case .failure(let defect):
            expect(defect == .incomplete(info.format), "one byte less is a picture that ends early")
        case .success(let cut):
            expect(cut.flaw != nil, "or one whose pixels are all there, without its end mark")
        }
    }

    /// The offset after the first IEND chunk.
    private static func endOfPNG(_ input: [UInt8]) -> Int {
        var offset = 8
        while true {
            let isLast = input[(offset + 4)...].starts(with: "IEND".utf8)
            offset += 12 + number(in: input, at: offset)
            if isLast { return offset }
        }
    }

    private static func number(in bytes: [UInt8], at offset: Int) -> Int {
        (offset..<offset + 4).reduce(0) { $0 << 8 | Int(bytes[$1]) }
    }

    /// Corrects the checksums of a PNG's chunks, which mutations practically never hit by chance.
    static func mendChecksums(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
        guard bytes.count > 8, bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) else { return }
        var offset = 8
        while offset + 12 <= bytes.count {
            let end = offset + 8 + number(in: Array(bytes[offset..<offset + 4]), at: 0)
            guard end + 4 <= bytes.count else { return }
            var checksum = CRC32()
            checksum.update(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[offset + 4..<end]))
            for place in 0..<4 {
                bytes[end + place] = UInt8(truncatingIfNeeded: checksum.value >> UInt32(24 - 8 * place))
            }
            offset = end + 4
        }
    }
}

/// libFuzzer calls this function, if it is defined, for every new input.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
    let count = LLVMFuzzerMutate(bytes, count, limit)
    if FuzzTarget.chosen == .picture, seed % 4 != 0 {
        PictureTarget.mendChecksums(UnsafeMutableBufferPointer(start: bytes, count: count))
    }
    return count
}
