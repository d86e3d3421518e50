/// AVIF (ISO/IEC 14496-12, 23008-12): boxes that fill the file. `meta` holds the number of the picture's item (`pitm`)
/// and the location of its bytes (`iloc`). Its `iprp` holds the item's properties (`ipma`), one of which is its size
/// (`ipco` → `ispe`).
enum AVIFReader {
    /// `ipma` stores a property's number in at most 15 bits.
    private static let propertyLimit = 0x7FFF

    static func read(_ bytes: inout PictureBytes) throws -> PictureInfo {
        var meta: Range<Int64>?
        var hasData = false
        var defect: PictureDefect?
        do {
            try ISOBox.forEach(&bytes, in: 0..<bytes.size) { box, _ in
                if box.type == fourCC("meta"), meta == nil { meta = box.content }
                if box.type == fourCC("mdat"), !box.content.isEmpty { hasData = true }
            }
        } catch let found as PictureDefect where meta != nil {
            // The defect is after `meta`. The locations in `meta` show whether all data are there.
            defect = found
        }
        guard let meta else {
            throw hasData ? bytes.corrupt("it does not say its size") : PictureDefect.incomplete(.avif)
        }
        let contents = try Meta(&bytes, in: meta)
        guard let defect else { return try contents.check(&bytes, hasData: hasData) }
        guard contents.namesItsData else { throw defect }
        let info = try contents.check(&bytes, hasData: true)
        bytes.note("is whole, but what follows its pixels is no part of an AVIF")
        return info
    }

    /// The contents of the `meta` box.
    private struct Meta {
        private var primaryItem: UInt64?
        private var hasInlineData = false
        /// The end of the last byte of any item.
        private var dataEnd: Int64 = 0
        /// Sizes by property number; numbers start at 1.
        private var sizes: [Int: PictureInfo] = [:]
        private var propertyCount = 0
        /// The numbers of the primary item's properties.
        private var primaryProperties: [Int] = []

        init(_ bytes: inout PictureBytes, in range: Range<Int64>) throws {
            guard range.count >= 4 else { throw bytes.corrupt("its meta box is cut") }
            let children = range.lowerBound + 4..<range.upperBound  // after version and flags
            var properties: [Range<Int64>] = []
            try ISOBox.forEach(&bytes, in: children) { box, bytes in
                switch box.type {
                case fourCC("pitm"): try readPrimaryItem(&bytes, in: box.content)
                case fourCC("iloc"): try readLocations(&bytes, in: box.content)
                case fourCC("idat"): hasInlineData = hasInlineData || !box.content.isEmpty
                case fourCC("iprp") where properties.isEmpty: properties = [box.content]
                default: break
                }
            }
            // `ipma` is read last: it needs the primary item's number.
            for range in properties {
                try ISOBox.forEach(&bytes, in: range) { box, bytes in
                    switch box.type {
                    case fourCC("ipco"): try readSizes(&bytes, in: box.content)
                    case fourCC("ipma"): try readAssociations(&bytes, in: box.content)
                    default: break
                    }
                }
            }
        }

        /// True if it gives the location of its bytes, so that missing bytes can be detected.
        var namesItsData: Bool { dataEnd > 0 }

        func check(_ bytes: inout PictureBytes, hasData: Bool) throws -> PictureInfo {
            // A tiled picture has one size for the whole and one for a tile. If the primary item has none, the largest
            // is used.
            let info =
                primaryProperties.compactMap { sizes[$0] }.first
                ?? sizes.values.max { $0.width * $0.height < $1.width * $1.height }
            guard let info else { throw bytes.corrupt("it does not say its size") }
            guard hasData || hasInlineData, dataEnd <= bytes.size else { throw PictureDefect.incomplete(.avif) }
            return info
        }

        private mutating func readPrimaryItem(_ bytes: inout PictureBytes, in range: Range<Int64>) throws {
            var fields = ISOFields(range)
            let version = try fields.next(4, of: &bytes) >> 24
            primaryItem = try fields.next(version == 0 ? 2 : 4, of: &bytes)
        }

        private mutating func readSizes(_ bytes: inout PictureBytes, in range: Range<Int64>) throws {
            try ISOBox.forEach(&bytes, in: range) { box, bytes in
                propertyCount += 1
                guard propertyCount <= propertyLimit else { throw bytes.corrupt("it has too many properties") }
                guard box.type == fourCC("ispe") else { return }
                var fields = ISOFields(box.content)
                _ = try fields.next(4, of: &bytes)
                let width = Int(try fields.next(4, of: &bytes))
                sizes[propertyCount] = try bytes.info(width: width, height: Int(fields.next(4, of: &bytes)))
            }
        }

        private mutating func readAssociations(_ bytes: inout PictureBytes, in range: Range<Int64>) throws {
            var fields = ISOFields(range)
            let header = try fields.next(4, of: &bytes)
            let itemBytes = header >> 24 == 0 ? 2 : 4
            let isWide = header & 1 == 1
            for _ in 0..<(try fields.next(4, of: &bytes)) {
                let item = try fields.next(itemBytes, of: &bytes)
                for _ in 0..<(try fields.next(1, of: &bytes)) {
                    // The highest bit marks an essential property.
                    let number = try fields.next(isWide ? 2 : 1, of: &bytes) & (isWide ? 0x7FFF : 0x7F)
                    // An item with more than the possible number of properties repeats some.
                    if item == primaryItem, primaryProperties.count < propertyLimit {
                        primaryProperties.append(Int(number))
                    }
                }
            }
        }

        /// Reads where each item's bytes are stored. The file has to hold them all, even if its last box has no length
        /// of its own.
        private mutating func readLocations(_ bytes: inout PictureBytes, in range: Range<Int64>) throws {
            var fields = ISOFields(range)
            let version = try fields.next(4, of: &bytes) >> 24
            let widths = try fields.next(2, of: &bytes)
            let (offsetBytes, lengthBytes) = (Int(widths >> 12), Int(widths >> 8 & 15))
            let (baseBytes, indexBytes) = (Int(widths >> 4 & 15), version == 0 ? 0 : Int(widths & 15))
            guard [offsetBytes, lengthBytes, baseBytes, indexBytes].allSatisfy([0, 4, 8].contains) else {
                throw bytes.corrupt("its iloc box has numbers of an odd width")
            }
            for _ in 0..<(try fields.next(version < 2 ? 2 : 4, of: &bytes)) {
                _ = try fields.next(version < 2 ? 2 : 4, of: &bytes)
                // 0: in this file; 1: in `idat`; 2: in another item.
                let method = version == 0 ? 0 : try fields.next(2, of: &bytes) & 15
                let source = try fields.next(2, of: &bytes)
                let base = try fields.next(baseBytes, of: &bytes)
                let extents = try fields.next(2, of: &bytes)
                // Skips extents without any fields: 65,535 of them per item would take endless time.
                guard indexBytes + offsetBytes + lengthBytes > 0 else { continue }
                for _ in 0..<extents {
                    _ = try fields.next(indexBytes, of: &bytes)
                    let offset = try fields.next(offsetBytes, of: &bytes)
                    let length = try fields.next(lengthBytes, of: &bytes)
                    guard method == 0, source == 0 else { continue }
                    let end = [offset, length].reduce(Int64(clamping: base)) { sum, part in
                        let (total, overflow) = sum.addingReportingOverflow(Int64(clamping: part))
                        return overflow ? .max : total
                    }
                    dataEnd = max(dataEnd, end)
                }
            }
        }
    }
}
