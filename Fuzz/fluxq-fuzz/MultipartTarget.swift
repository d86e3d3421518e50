@testable import FluxqFormats

/// A multipart body gives the same parts in pieces, agrees with a reader that has all of it, and is never held whole.
///
/// The first line of an input is the Content-Type; the body follows.
enum MultipartTarget {
    static func check(_ input: [UInt8]) {
        let line = input.prefix { $0 != UInt8(ascii: "\n") }
        let body = Array(input.dropFirst(line.count + 1))
        let contentType = String(decoding: line, as: UTF8.self)
        let whole = read([body[...]], contentType)
        expect(whole == read(pieces(of: body), contentType), "in pieces it is what it is whole")
        expect(whole == read(body.indices.map { body[$0...$0] }, contentType), "and byte by byte")
        guard case .success(let parts) = whole, let boundary = HeaderValue(contentType)?.parameters["boundary"] else {
            return
        }
        expect(parts.count <= MultipartReader.Limits.parts, "its parts are counted")
        expect(parts.reduce(0) { $0 + $1.bytes.count } <= body.count, "no byte comes twice")
        for part in parts {
            expect(!part.head.name.isEmpty, "a part has a name")
            expect(
                !part.head.name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F },
                "a name has nothing that a terminal obeys")
        }
        expect(parts.map(\.bytes) == slowlySplit(body, boundary), "another reader finds the same bytes")
    }

    struct Part: Equatable {
        let head: MultipartReader.Head
        var bytes: [UInt8] = []
    }

    private static func read(
        _ pieces: [ArraySlice<UInt8>], _ contentType: String
    ) -> Result<[Part], MultipartReader.Malformed> {
        var parts: [Part] = []
        var isOpen = false
        do throws(MultipartReader.Malformed) {
            var reader = try MultipartReader(contentType: contentType)
            for piece in pieces {
                for event in try reader.read(piece) {
                    switch event {
                    case .head(let head):
                        expect(!isOpen, "a part ends before the next one begins")
                        isOpen = true
                        parts.append(Part(head: head))
                    case .bytes(let bytes):
                        expect(isOpen && !bytes.isEmpty, "bytes belong to a part")
                        parts[parts.count - 1].bytes += bytes
                    case .end:
                        expect(isOpen, "a part ends once")
                        isOpen = false
                    }
                }
                expect(reader.heldCount <= mostHeld, "no more than a head and a boundary is held")
            }
            try reader.finish()
            expect(!isOpen && reader.isOver, "a body that is whole ends with its last part")
        } catch {
            expect(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a reason is one line of text")
            return .failure(error)
        }
        return .success(parts)
    }

    /// The head of a part, the line breaks around it, and the longest boundary.
    private static let mostHeld = MultipartReader.Limits.headBytes + 4 + 76

    /// The bytes of each part of a body that can be read, found by searching all of it again for each part.
    private static func slowlySplit(_ body: [UInt8], _ boundary: String) -> [[UInt8]] {
        let newline = Array("\r\n".utf8)
        let delimiter = newline + Array("--\(boundary)".utf8)
        let text = newline + body
        var parts: [[UInt8]] = []
        var rest = text[...]
        while let found = first(delimiter, in: rest) {
            rest = rest[(found + delimiter.count)...]
            guard !rest.starts(with: "--".utf8) else { return parts }
            // The line break that ends the head may be the boundary's own as well.
            guard let end = first(newline + newline, in: rest) else { return parts }
            let start = end + newline.count
            let next = first(delimiter, in: text[start...]) ?? text.endIndex
            parts.append(next == start ? [] : Array(text[(start + newline.count)..<next]))
            rest = text[next...]
        }
        return parts
    }

    private static func first(_ mark: [UInt8], in bytes: ArraySlice<UInt8>) -> Int? {
        bytes.indices.first { bytes[$0...].starts(with: mark) }
    }
}
