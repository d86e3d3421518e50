/// The JSON of a good answer, made on the fly: its pictures are drawn while it is sent.
struct AnswerPieces: IteratorProtocol {
    /// The answer's length in bytes.
    let count: Int
    /// The offset at which each picture ends.
    let itemEnds: [Int]

    enum Segment {
        case text(String)
        /// A picture as base64, without quotes.
        case picture(PicturePlan, Base64Form)
        /// Marks the end of a picture; no text.
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

    /// The whole text at once, for uses that need it in one piece.
    mutating func all() -> [UInt8] {
        var bytes: [UInt8] = []
        while let piece = next() { bytes += piece }
        return bytes
    }

    mutating func next() -> [UInt8]? {
        if var (bytes, encoder) = current {
            // Releases the stored copy first; otherwise its arrays would be copied with every piece.
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
