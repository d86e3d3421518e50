import Crypto
import FluxqFormats
import FoundationEssentials
import Glibc

/// The content of a link, and what the sandbox does when it is followed. Nothing is stored for a link: its name
/// contains everything.
struct FileLink: Codable, Hashable, Sendable {
    let picture: PicturePlan
    /// The call that made the link, so that each call has its own links.
    let call: String
    /// Seconds since 1970.
    let expires: Int
    var traits: Traits

    /// The form in which a link gives its expiry.
    enum Expiry: String, CaseIterable, Codable, Sendable {
        case capital = "Expires"
        case small = "expires"
        /// A signing date and a lifetime, as in the object stores of Amazon and Google.
        case amazon = "amz"
        case google = "goog"
        case unsaid = "none"
    }

    struct Traits: Codable, Hashable, Sendable {
        /// The status that it returns instead of the picture.
        var dead: Int?
        /// The number of first downloads that fail with 503.
        var flaky: Int?
        /// The number of first downloads that break off in the middle.
        var cut: Int?
        var slowSeconds: Double?
        /// The number of redirects before the picture.
        var hops: Int?
        /// Declared as JPEG.
        var jpeg: Bool?
        var expiry: Expiry?
        /// The value of Content-Encoding. With some values the body is packed accordingly.
        var coding: String?
        /// It has no ETag and ignores ranges.
        var whole: Bool?
        /// It contains characters that a link may not have.
        var odd: Bool?

        enum CodingKeys: String, CodingKey {
            case dead = "d"
            case flaky = "f"
            case cut = "x"
            case slowSeconds = "s"
            case hops = "h"
            case jpeg = "j"
            case expiry = "e"
            case coding = "c"
            case whole = "w"
            case odd = "o"
        }
    }

    enum CodingKeys: String, CodingKey {
        case picture = "p"
        case call = "k"
        case expires = "e"
        case traits = "t"
    }
}

/// Makes links that only this sandbox can make, and parses them.
struct FileLinkSigner: Sendable {
    private let key: SymmetricKey

    /// The beginning of a link's path.
    static let root = "/files/"

    /// Precedes every signature, so that each query has a raw `+`, `/` and `=` in it, as the vendor's have.
    private static let version = "v1+/"

    /// - Parameter secret: must survive restarts, so that links do.
    init(secret: [UInt8]) {
        key = SymmetricKey(data: secret)
    }

    /// The link's path and query.
    func target(_ link: FileLink) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var base64 = Base64Encoder(Base64Form(lines: false, urlSafe: true, padded: false))
        let name = base64.encode(Array(try encoder.encode(link))) + base64.finish()
        let odd = link.traits.odd == true ? "name=\(Self.escapedOddity)" : ""
        let query = [Self.expiry(of: link), odd, "Signature=\(Self.version)"].filter { !$0.isEmpty }
            .joined(separator: "&")
        return signed("\(Self.root)\(String(decoding: name, as: UTF8.self)).png?\(query)")
    }

    /// The target as written in an answer; a client has to escape characters that it may not send.
    func written(_ target: String) -> String {
        target.replacing(Self.escapedOddity, with: Self.oddity)
    }

    private static let oddity = "a b|{é}^`"
    private static let escapedOddity = "a%20b%7C%7B%C3%A9%7D%5E%60"

    /// Parses a path and query; nil if any byte differs from the signed ones.
    func read(_ target: String) -> FileLink? {
        guard target.hasPrefix(Self.root), let dot = target.firstIndex(of: "."),
            let version = target.firstRange(of: Self.version), signed(String(target[..<version.upperBound])) == target
        else { return nil }
        let name = target[target.index(target.startIndex, offsetBy: Self.root.count)..<dot]
        var base64 = Base64Decoder()
        guard let head = try? base64.decode(name.utf8), let tail = try? base64.finish() else { return nil }
        return try? JSONDecoder().decode(FileLink.self, from: Data(head + tail))
    }

    /// The query's parameters that give the link's expiry.
    private static func expiry(of link: FileLink) -> String {
        switch link.traits.expiry ?? .capital {
        case .capital: "Expires=\(link.expires)"
        case .small: "expires=\(link.expires)"
        case .amazon: lifetime(of: link, vendor: "X-Amz")
        case .google: lifetime(of: link, vendor: "X-Goog")
        case .unsaid: ""
        }
    }

    /// As if it had been signed an hour before it expires.
    private static func lifetime(of link: FileLink, vendor: String) -> String {
        var seconds = link.expires - 3600
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))"
        let clock = "\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))"
        return "\(vendor)-Date=\(date)T\(clock)Z&\(vendor)-Expires=3600"
    }

    /// A target followed by its own signature.
    private func signed(_ target: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data(target.utf8), using: key)
        var base64 = Base64Encoder(Base64Form())
        let signature = base64.encode(Array(code)) + base64.finish()
        return target + String(decoding: signature, as: UTF8.self)
    }
}
