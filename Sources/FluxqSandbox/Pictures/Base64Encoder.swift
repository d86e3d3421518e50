/// The forms of base64 that APIs send.
struct Base64Form: Hashable, Sendable {
    /// Lines of 76 characters, separated by JSON's escape `\n`.
    var lines = false
    var urlSafe = false
    var padded = true
    /// One letter, at offset `wrongLetterAt`, is not in any base64 alphabet.
    var hasWrongLetter = false

    static let wrongLetterAt = 400
    static let lineLength = 76

    /// The length of the text for that many bytes.
    func length(of byteCount: Int) -> Int {
        let groups = byteCount / 3 * 4
        let rest = byteCount % 3
        let characters = rest == 0 ? groups : groups + (padded ? 4 : rest + 1)
        return lines ? characters + max(characters - 1, 0) / Self.lineLength * 2 : characters
    }
}

/// Encodes base64 as the bytes arrive, as text inside a JSON string.
struct Base64Encoder {
    private let form: Base64Form
    private let alphabet: [UInt8]
    private var waiting: [UInt8] = []
    private var column = 0
    /// Letters written so far.
    private var written = 0

    init(_ form: Base64Form) {
        self.form = form
        let last = form.urlSafe ? "-_" : "+/"
        alphabet = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + last).utf8)
    }

    mutating func encode(_ bytes: [UInt8]) -> [UInt8] {
        let input = waiting.isEmpty ? bytes : waiting + bytes
        let whole = input.count / 3 * 3
        waiting = Array(input[whole...])
        var text = [UInt8](unsafeUninitializedCapacity: whole / 3 * 4) { text, count in
            input.withUnsafeBufferPointer { input in
                alphabet.withUnsafeBufferPointer { alphabet in
                    // Unsafe pointers and a while loop keep it fast in debug builds.
                    guard let input = input.baseAddress, let alphabet = alphabet.baseAddress,
                        let text = text.baseAddress
                    else { return }
                    var from = 0
                    var to = 0
                    while from < whole {
                        let group = Int(input[from]) << 16 | Int(input[from &+ 1]) << 8 | Int(input[from &+ 2])
                        text[to] = alphabet[group >> 18]
                        text[to &+ 1] = alphabet[group >> 12 & 63]
                        text[to &+ 2] = alphabet[group >> 6 & 63]
                        text[to &+ 3] = alphabet[group & 63]
                        from &+= 3
                        to &+= 4
                    }
                }
            }
            count = whole / 3 * 4
        }
        let wrong = Base64Form.wrongLetterAt - written
        if form.hasWrongLetter, text.indices.contains(wrong) { text[wrong] = UInt8(ascii: "*") }
        written += text.count
        return inLines(text)
    }

    /// The rest of the text after the last bytes.
    mutating func finish() -> [UInt8] {
        guard !waiting.isEmpty else { return [] }
        let group = Int(waiting[0]) << 16 | (waiting.count == 2 ? Int(waiting[1]) << 8 : 0)
        var text = [group >> 18, group >> 12 & 63, group >> 6 & 63].prefix(waiting.count + 1).map { alphabet[$0] }
        if form.padded { text += repeatElement(UInt8(ascii: "="), count: 4 - text.count) }
        waiting = []
        return inLines(text)
    }

    private mutating func inLines(_ text: [UInt8]) -> [UInt8] {
        guard form.lines else { return text }
        var lines: [UInt8] = []
        lines.reserveCapacity(text.count + text.count / 32)
        var rest = text[...]
        while !rest.isEmpty {
            if column == Base64Form.lineLength {
                lines += "\\n".utf8
                column = 0
            }
            let line = rest.prefix(Base64Form.lineLength - column)
            lines += line
            column += line.count
            rest = rest.dropFirst(line.count)
        }
        return lines
    }
}
