package import FluxqModel

/// The time when a link of an answer expires.
package enum LinkDeadline {
    /// Seven days after generation, according to the vendor (docs/images-api.md, "Links").
    package static let lifetime = Duration.seconds(7 * 86_400)
    /// An answer's creation time is ignored if it differs from now by more than this.
    package static let plausibleAge = Duration.seconds(86_400)
    /// A link's own lifetime is ignored if it is longer than this.
    package static let longestLifetime = Duration.seconds(366 * 86_400)

    /// Returns the time that the link itself gives if it is in the future (`Expires=`, or a signing date with a
    /// lifetime); otherwise `created` and seven days; otherwise seven days from now.
    package static func of(link: String, created: Timestamp?, now: Timestamp) -> Timestamp {
        if let claimed = claim(of: link), claimed > now, claimed - now <= longestLifetime { return claimed }
        if let created, (.zero - plausibleAge...plausibleAge).contains(created - now) { return created + lifetime }
        return now + lifetime
    }

    private static func claim(of link: String) -> Timestamp? {
        var signed: [Substring: Substring] = [:]
        let query = link.drop { $0 != "?" }.dropFirst().prefix { $0 != "#" }
        for parameter in query.split(separator: "&") {
            guard let equals = parameter.firstIndex(of: "=") else { continue }
            let name = parameter[..<equals].lowercased()
            signed[Substring(name)] = parameter[parameter.index(after: equals)...]
        }
        if let seconds = signed["expires"].flatMap({ number($0) }) {
            return Timestamp(secondsSinceEpoch: seconds)
        }
        for vendor in ["x-amz", "x-goog", "x-tos", "x-oss"] {
            if let date = signed["\(vendor)-date"].flatMap(basicDate),
                let seconds = signed["\(vendor)-expires"].flatMap({ number($0) })
            {
                return date + .seconds(seconds)
            }
        }
        // Azure's shared access signatures: `se=2026-11-22T10%3A00%3A00Z`.
        if signed["sig"] != nil, let end = signed["se"] {
            let bare = end.replacing("%3A", with: "").replacing("%3a", with: "").filter { $0 != ":" && $0 != "-" }
            return basicDate(bare[...])
        }
        return nil
    }

    /// `20261122T100000Z`.
    private static func basicDate(_ text: Substring) -> Timestamp? {
        let digits = Array(text.utf8)
        guard digits.count == 16, digits[8] == UInt8(ascii: "T"), digits[15] == UInt8(ascii: "Z") else { return nil }
        func part(_ range: Range<Int>) -> Int? {
            number(Substring(String(decoding: digits[range], as: UTF8.self))).map(Int.init)
        }
        guard let year = part(0..<4), let month = part(4..<6), let day = part(6..<8), let hour = part(9..<11),
            let minute = part(11..<13), let second = part(13..<15)
        else { return nil }
        return HTTPDate.seconds(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
            .map(Timestamp.init(secondsSinceEpoch:))
    }

    /// Reads up to 11 digits: as seconds since 1970 they reach the year 5138, and nothing overflows.
    private static func number(_ text: Substring) -> Int64? {
        text.utf8.count <= 11 && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
    }
}
