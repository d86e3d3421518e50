import AsyncHTTPClient
import NIOCore

/// The whole body of an answer. If an answer ends before its request, the HTTP library passes on only a part of it.
struct AnswerBody: AsyncSequence {
    /// Some received bytes were not passed on, so the answer is incomplete.
    struct Torn: Error, CustomStringConvertible {
        let missing: Int
        var description: String { "\(missing) bytes of the answer were lost on their way through fluxqd" }
    }

    private let handedOn: HTTPClientResponse.Body

    init(_ handedOn: HTTPClientResponse.Body) {
        self.handedOn = handedOn
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(handedOn: handedOn.makeAsyncIterator())
    }

    struct Iterator: AsyncIteratorProtocol {
        private var handedOn: HTTPClientResponse.Body.AsyncIterator
        private var length = 0
        /// The pieces that the library has not passed on; nil until its part is over.
        private var rest: ArraySlice<ByteBuffer>?

        fileprivate init(handedOn: HTTPClientResponse.Body.AsyncIterator) {
            self.handedOn = handedOn
        }

        mutating func next() async throws -> ByteBuffer? {
            if rest == nil {
                do {
                    let piece = try await handedOn.next()
                    length += piece?.readableBytes ?? 0
                    return piece
                } catch let over as EarlyAnswer.Over {
                    rest = try AnswerBody.rest(of: over, after: length)[...]
                }
            }
            return rest?.popFirst()
        }
    }

    /// - Parameter length: the number of bytes that the library has passed on.
    static func rest(of over: EarlyAnswer.Over, after length: Int) throws(Torn) -> [ByteBuffer] {
        var missing = over.length - length
        var rest: [ByteBuffer] = []
        for piece in over.last.reversed() where missing > 0 {
            // The beginning of the first piece may have been passed on.
            let bytes = piece.readableBytesView.suffix(missing)
            missing -= bytes.count
            rest.insert(ByteBuffer(bytes), at: 0)
        }
        guard missing == 0 else { throw Torn(missing: missing) }
        return rest
    }
}
