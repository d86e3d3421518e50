import Dispatch
import FluxqModel
import NIOCore
import Synchronization

@testable import FluxqFormats
@testable import FluxqImagesAPI

/// An answer is the same in pieces, holds what a decoder that sees all of it at once reads, and brings no more than it may.
enum AnswerTarget {
    /// Small, so that an input can go beyond it.
    static let maxPictureBytes: Int64 = 300

    static func check(_ input: [UInt8]) {
        let whole = read([input[...]])
        let dripped = read(pieces(of: input))
        expect(whole.captures == dripped.captures, "in pieces its pictures and links are what they are whole")
        expect(whole.looksCut == dripped.looksCut, "in pieces it looks cut where it does whole")
        expect(whole.items == dripped.items, "in pieces its items are what they are whole")
        expect(whole.reply.error == dripped.reply.error, "in pieces its error is what it is whole")
        expect(whole.reply.answer?.created == dripped.reply.answer?.created, "and its time")
        expect(whole.reply.answer?.usage == dripped.reply.answer?.usage, "and its usage")
        if let answer = whole.reply.answer {
            expect(answer.excerpt.count <= Reply.Limits.excerptCharacters + 1, "its excerpt is bounded")
            expect(
                !answer.excerpt.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" }, "nothing a terminal obeys")
            expect(answer.items.count <= Reply.Limits.items, "its items are counted")
        }
        if !input.contains(0) { checkPlain(input, whole) }

        // The same bytes as the body of another status.
        var refused = Reply(status: 400)
        refused.read(input)
    }

    /// What a string at `url` or `b64_json` stands for, its picture by its bytes.
    private enum Meaning: Equatable {
        case empty, invalid
        case link(String)
        case picture([UInt8])
    }

    private struct Reading {
        var captures: [Meaning]
        var reader: AnswerReader
        var pages: [Album.Page]
        var looksCut: Bool
        var reply: Reply
        var items: [[Meaning?]]
    }

    private static func read(_ pieces: [ArraySlice<UInt8>]) -> Reading {
        let album = Album()
        let reader = runToEnd { () -> AnswerReader in
            var reader = AnswerReader(receiver: album, maxPictureBytes: maxPictureBytes)
            do {
                for piece in pieces { try await reader.read(ByteBuffer(bytes: piece)) }
                try await reader.abandon()
            } catch {
                fatalError("an album takes everything: \(error)")
            }
            return reader
        }
        let pages = album.pages
        expect(pages.allSatisfy { $0.isValid != nil }, "every picture that begins ends")
        expect(pages.allSatisfy { Int64($0.bytes.count) <= maxPictureBytes }, "no picture is larger than the limit")
        expect(reader.captures.count <= AnswerReader.Limits.captures, "captures are counted")
        var reply = Reply(status: 200)
        reply.read(reader, quotation: quotation)
        let items = (reply.answer?.items ?? []).map {
            [$0.link.map(Meaning.link), $0.inline.map { meaning(of: .picture($0), among: pages) }]
        }
        return Reading(
            captures: reader.captures.map { meaning(of: $0, among: pages) }, reader: reader, pages: pages,
            looksCut: reader.looksCut, reply: reply, items: items)
    }

    private static func meaning(of capture: AnswerReader.Capture, among pages: [Album.Page]) -> Meaning {
        switch capture {
        case .empty: return .empty
        case .invalid: return .invalid
        case .link(let link): return .link(link)
        case .picture(let ordinal):
            expect(pages.indices.contains(ordinal) && pages[ordinal].isValid == true, "a picture is one that came")
            return .picture(pages[ordinal].bytes)
        }
    }

    private static let quotation: Quotation = {
        do { return Quotation(hiding: try APIKey("sk-fuzz-0123456789")) } catch { fatalError("\(error)") }
    }()

    /// Reads the answer again, all at once and with everything in it.
    private static func checkPlain(_ input: [UInt8], _ reading: Reading) {
        guard let plain = JSONValue(bounded: input) else { return }
        guard let json = JSONValue(bounded: reading.reader.remainder) else {
            fatalError("does not hold: what is JSON stays JSON without its pictures")
        }
        expect(!reading.looksCut, "what is JSON does not look cut")
        guard case .array(let elements) = json["data"], case .array(let plainElements) = plain["data"] else { return }
        expect(elements.count == plainElements.count, "it has as many items")
        for (element, plainElement) in zip(elements, plainElements) {
            for key in ["url", "b64_json"] {
                guard let text = plainElement[key]?.string else { continue }
                guard let capture = element[key]?.string.flatMap(reading.reader.capture(for:)) else {
                    fatalError("does not hold: every \(key) is taken out")
                }
                // Of more than can be asked for, the last are not looked at.
                if reading.captures.count == AnswerReader.Limits.captures, case .invalid = capture { continue }
                let meaning = meaning(of: capture, among: reading.pages)
                expect(meaning == expected(of: text), "\(key) is read as it stands: \(text)")
            }
        }
    }

    private static func expected(of text: String) -> Meaning {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        let text = Array(text.utf8.drop(while: isSpace))
        if text.isEmpty { return .empty }
        let scheme = text.prefix(16).prefix { $0 != UInt8(ascii: ":") }
        if scheme.count < min(text.count, 16), String(decoding: scheme, as: UTF8.self).lowercased() != "data" {
            return .link(String(decoding: Array(text.reversed().drop(while: isSpace).reversed()), as: UTF8.self))
        }
        guard case .success(let decoded) = Base64Target.decode([text[...]]) else { return .invalid }
        if decoded.bytes.isEmpty { return .empty }
        return Int64(decoded.bytes.count) > maxPictureBytes ? .invalid : .picture(decoded.bytes)
    }

    /// Keeps the pictures that come.
    private final class Album: PictureReceiver, PictureSink {
        struct Page {
            var bytes: [UInt8] = []
            /// Nil while it has not ended.
            var isValid: Bool?
        }

        private let list = Mutex<[Page]>([])
        var pages: [Page] { list.withLock { $0 } }

        func beginPicture(_ ordinal: Int) -> any PictureSink {
            list.withLock {
                expect(ordinal == $0.count && $0.last.map { $0.isValid != nil } ?? true, "one picture after the other")
                $0.append(Page())
            }
            return self
        }

        func write(_ bytes: ByteBuffer) { list.withLock { $0[$0.count - 1].bytes += bytes.readableBytesView } }

        func endPicture(_ ordinal: Int, isValid: Bool) {
            list.withLock {
                expect(ordinal == $0.count - 1 && $0[ordinal].isValid == nil, "a picture ends once")
                $0[ordinal].isValid = isValid
            }
        }
    }

    private final class Result<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// libFuzzer calls from outside of any task and wants to go on when all is done.
    private static func runToEnd<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
        let result = Result<Value>()
        let isDone = DispatchSemaphore(value: 0)
        Task.immediate {
            let value = await body()
            result.value.withLock { $0 = value }
            isDone.signal()
        }
        isDone.wait()
        guard let value = result.value.withLock({ $0 }) else { fatalError("a result comes before its signal") }
        return value
    }
}
