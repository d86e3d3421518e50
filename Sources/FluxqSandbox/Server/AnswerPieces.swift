/// A good answer's JSON, made on the fly: pictures inside it are drawn while it is sent.
struct AnswerPieces: IteratorProtocol {
    /// The answer's length in bytes.
    let count: Int
    /// Where each picture ends in it.
    let itemEnds: [Int]

    enum Segment {
        case text(String)
        /// A picture as base64; no quotes.
        case picture(PicturePlan, Base64Form)
        /// A picture is over; no text.
        case itemEnd
    }

    private var segments: ArraySlice<Segment>
    private var current: (bytes: ResultBytes, encoder: Base64Encoder)?

    init(_ segments: [Segment]) {
        self.segments = segments[...]
        var count = 0
        var itemEnds: [Int] = []
        for segment in segments {
            switch segment {
            case .text(let text): count += text.utf8.count
            case .picture(let plan, let form): count += form.length(of: ResultBytes(plan, inline: true).count)
            case .itemEnd: itemEnds.append(count)
            }
        }
        self.count = count
        self.itemEnds = itemEnds
    }

    /// The whole text at once, for what cannot be made in pieces.
    mutating func all() -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = next() { bytes += piece }
        return bytes
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
        case .itemEnd?:
            return next()
        case nil:
            return nil
        }
    }
}
