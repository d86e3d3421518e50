/// A good answer's JSON, made on the fly: pictures inside it are drawn while it is sent.
struct AnswerPieces: IteratorProtocol {
    /// The answer's length in bytes.
    let count: Int

    enum Segment {
        case text(String)
        /// A picture as base64; no quotes.
        case picture(PicturePlan, Base64Form)
    }

    private var segments: ArraySlice<Segment>
    private var current: (bytes: ResultBytes, encoder: Base64Encoder)?

    init(_ segments: [Segment]) {
        self.segments = segments[...]
        count = segments.reduce(0) { sum, segment in
            switch segment {
            case .text(let text): sum + text.utf8.count
            case .picture(let plan, let form): sum + form.length(of: ResultBytes(plan, inline: true).count)
            }
        }
    }

    mutating func next() -> [UInt8]? {
        if var (bytes, encoder) = current {
            // Let go of the stored copy first, or its arrays would be copied with every piece.
            current = nil
            if let piece = bytes.next() {
                let text = encoder.encode(piece)
                current = (bytes, encoder)
                return text
            }
            let rest = encoder.finish()
            if !rest.isEmpty { return rest }
        }
        switch segments.popFirst() {
        case .text(let text)?:
            return Array(text.utf8)
        case .picture(let plan, let form)?:
            current = (ResultBytes(plan, inline: true), Base64Encoder(form))
            return next()
        case nil:
            return nil
        }
    }
}
