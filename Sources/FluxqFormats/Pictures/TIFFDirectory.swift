/// One directory of a TIFF file (TIFF 6.0, section 2), with its entries by tag. EXIF has this form too.
struct TIFFDirectory {
    static let subfileType: UInt16 = 0x00FE
    static let orientation: UInt16 = 0x0112
    static let subdirectories: UInt16 = 0x014A
    static let position: UInt16 = 0x8825
    static let dngVersion: UInt16 = 0xC612
    /// Tags of the position directory.
    static let latitude: UInt16 = 2
    static let longitude: UInt16 = 4

    struct Entry: Hashable {
        let type: UInt16
        let count: UInt32
        /// The value itself if it fits four bytes, otherwise its offset.
        let word: UInt32
        /// The first number, for types of two and four bytes.
        let number: UInt32
    }

    let entries: [UInt16: Entry]
    private let bytes: [UInt8]
    private let isLittleEndian: Bool

    /// Reads the first directory of the TIFF file at `start`; nil if there is none, or if it is beyond the bytes.
    init?(of bytes: [UInt8], at start: Int = 0) {
        guard bytes.count >= start + 8 else { return nil }
        let file = Array(bytes[start...])
        switch file.prefix(4) {
        case [0x49, 0x49, 0x2A, 0]: isLittleEndian = true
        case [0x4D, 0x4D, 0, 0x2A]: isLittleEndian = false
        default: return nil
        }
        self.bytes = file
        let offset = Self.number(file, at: 4, bytes: 4, isLittleEndian)
        guard let offset, let entries = Self.entries(file, at: Int(offset), isLittleEndian) else { return nil }
        self.entries = entries
    }

    private init?(_ parent: TIFFDirectory, at offset: UInt32) {
        bytes = parent.bytes
        isLittleEndian = parent.isLittleEndian
        guard let entries = Self.entries(bytes, at: Int(offset), isLittleEndian) else { return nil }
        self.entries = entries
    }

    /// Returns the directory that an entry points to.
    func directory(_ tag: UInt16) -> TIFFDirectory? {
        entries[tag].flatMap { TIFFDirectory(self, at: $0.word) }
    }

    /// Real files have a few dozen entries.
    private static let mostEntries = 1000

    private static func entries(_ bytes: [UInt8], at offset: Int, _ isLittleEndian: Bool) -> [UInt16: Entry]? {
        guard let count = number(bytes, at: offset, bytes: 2, isLittleEndian), count <= mostEntries else { return nil }
        var entries: [UInt16: Entry] = [:]
        for place in 0..<Int(count) {
            let entry = offset + 2 + 12 * place
            guard let tag = number(bytes, at: entry, bytes: 2, isLittleEndian),
                let type = number(bytes, at: entry + 2, bytes: 2, isLittleEndian),
                let values = number(bytes, at: entry + 4, bytes: 4, isLittleEndian),
                let word = number(bytes, at: entry + 8, bytes: 4, isLittleEndian),
                let short = number(bytes, at: entry + 8, bytes: 2, isLittleEndian)
            else { break }
            entries[UInt16(tag)] = Entry(
                type: UInt16(type), count: values, word: word, number: type == 3 ? short : word)
        }
        return entries
    }

    private static func number(_ bytes: [UInt8], at offset: Int, bytes count: Int, _ isLittleEndian: Bool) -> UInt32? {
        guard offset >= 0, offset <= bytes.count - count else { return nil }
        let field = bytes[offset..<offset + count]
        return isLittleEndian
            ? field.reversed().reduce(0) { $0 << 8 | UInt32($1) } : field.reduce(0) { $0 << 8 | UInt32($1) }
    }
}
