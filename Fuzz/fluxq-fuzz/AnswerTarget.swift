import Dispatch
import FluxqModel
import NIOCore
import Synchronization

@testable import FluxqFormats
@testable import FluxqImagesAPI

/// An answer gives the same result in pieces, agrees with a decoder that reads it whole, and stays within the limits.
enum AnswerTarget {
    /// Small, so that an input can exceed it.
    static let maxPictureBytes: Int64 = 300

    static func check(_ input: [UInt8]) {
        let whole = read([input[...]])
        let dripped = read(pieces(of: input))
        expect(whole.meanings == dripped.meanings, "in pieces its pictures and links are what they are whole")
        expect(whole.isCut == dripped.isCut, "in pieces it is cut where it is whole")
        expect(whole.reply.isAnswered == dripped.reply.isAnswered, "in pieces it is answered where it is whole")
        expect(whole.reply.error == dripped.reply.error, "in pieces its error is what it is whole")
        expect(whole.reply.answer?.created == dripped.reply.answer?.created, "and its time")
        expect(whole.reply.answer?.usage == dripped.reply.answer?.usage, "and its usage")
        if let answer = whole.reply.answer {
            expect(answer.excerpt.count <= Reply.Limits.excerptCharacters + 1, "its excerpt is bounded")
            expect(
                !answer.excerpt.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" }, "nothing a terminal obeys")
            expect(answer.items.count <= Reply.Limits.items, "its items are counted")
        }
        checkPlain(input, whole)

        // The same bytes as the body of another status.
        var refused = Reply(status: 400)
        refused.read(input)
    }

    /// The content of an item, with its picture's bytes.
    private struct Meaning: Equatable {
        var link: String?
        var picture: [UInt8]?
        var isWhole = false
    }

    private struct Reading: Sendable {
        var pages: [Album.Page]
        var isCut: Bool
        var reply: Reply

        var meanings: [Meaning] {
            (reply.answer?.items ?? []).map { item in
                let page = item.inline.map { ordinal in
                    expect(pages.indices.contains(ordinal), "a picture is one that came")
                    return pages[ordinal]
                }
                return Meaning(link: item.link, picture: page?.bytes, isWhole: page?.isValid == true)
            }
        }
    }

    private static func read(_ pieces: [ArraySlice<UInt8>]) -> Reading {
        let album = Album()
        return runToEnd { () -> Reading in
            var reader = AnswerReader(receiver: album, maxPictureBytes: maxPictureBytes)
            do {
                for piece in pieces { try await reader.read(ByteBuffer(bytes: piece)) }
                try await reader.finish(isBrokenOff: false)
            } catch {
                fatalError("an album takes everything: \(error)")
            }
            let pages = album.pages
            expect(pages.allSatisfy { $0.isValid != nil }, "every picture that begins ends")
            expect(pages.allSatisfy { Int64($0.bytes.count) <= maxPictureBytes }, "no picture is larger than the limit")
            var reply = Reply(status: 200)
            reply.read(reader, redactor: redactor, base: nil, trouble: nil)
            return Reading(pages: pages, isCut: reader.isCut, reply: reply)
        }
    }

    private static let redactor: Redactor = {
        do { return Redactor(hiding: [try APIKey("sk-fuzz-0123456789")]) } catch { fatalError("\(error)") }
    }()

    /// Reads the whole answer with a plain decoder: every picture in `data` in the vendor's own form must be found.
    private static func checkPlain(_ input: [UInt8], _ reading: Reading) {
        guard input.first == UInt8(ascii: "{"), let plain = JSONValue(bounded: input),
            case .object(let members) = plain, members.count == 1, case .array(let elements) = members["data"],
            elements.count <= 16
        else { return }
        let meanings = reading.meanings
        guard meanings.count == elements.count else { return }
        for (element, meaning) in zip(elements, meanings) {
            guard case .object(let members) = element, members.count == 1, let text = members["b64_json"]?.string,
                text.utf8.count >= 16, !text.contains(":"),
                case .success(let bytes) = Base64Target.decode([Array(text.utf8)[...]]),
                !bytes.isEmpty, Int64(bytes.count) <= maxPictureBytes
            else { continue }
            expect(meaning == Meaning(picture: bytes, isWhole: true), "a picture is read as it stands: \(text)")
        }
    }

    /// Keeps the received pictures.
    private final class Album: PictureReceiver, PictureSink {
        struct Page {
            var bytes: [UInt8] = []
            /// nil if it has not ended.
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

    /// Waits for the task, because libFuzzer calls from outside of any task and expects a synchronous result.
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
