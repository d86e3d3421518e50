import Crypto
import FluxqFormats
import FoundationEssentials
import Glibc

/// What a link carries, and what the sandbox does when it is followed. Nothing about a link is kept: its name says all.
struct FileLink: Codable, Hashable, Sendable {
    let picture: PicturePlan
    /// The call that it came from, so that every call's links are its own.
    let call: String
    /// Seconds since 1970.
    let expires: Int
    var traits: Traits

    /// How a link says when it ends.
    enum Expiry: String, CaseIterable, Codable, Sendable {
        case capital = "Expires"
        case small = "expires"
        /// A signing date and a lifetime, as Amazon's and Google's stores have them.
        case amazon = "amz"
        case google = "goog"
        case unsaid = "none"
    }

    struct Traits: Codable, Hashable, Sendable {
        /// The status that it answers instead of giving the picture.
        var dead: Int?
        /// The first so many downloads fail with 503.
        var flaky: Int?
        /// The first so many downloads break off in the middle.
        var cut: Int?
        var slowSeconds: Double?
        /// So many redirects before the picture.
        var hops: Int?
        /// Said to be a JPEG.
        var jpeg: Bool?
        var expiry: Expiry?
        /// What Content-Encoding says, and for some also what the body is packed in.
        var coding: String?
        /// It neither has an ETag nor gives a part.
        var whole: Bool?
        /// It is written with characters that a link may not have.
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

/// Makes links that only this sandbox can make, and reads them back.
struct FileLinkSigner: Sendable {
    private let key: SymmetricKey

    /// The beginning of a link's path.
    static let root = "/files/"

    /// Stands before every signature, so that each query has a raw `+`, `/` and `=` in it as the vendor's have.
    private static let version = "v1+/"

    /// - Parameter secret: survives restarts, and the links with it.
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

    /// The target as it is written in an answer, where a client has to escape what it may not send.
    func written(_ target: String) -> String {
        target.replacing(Self.escapedOddity, with: Self.oddity)
    }

    private static let oddity = "a b|{é}^`"
    private static let escapedOddity = "a%20b%7C%7B%C3%A9%7D%5E%60"

    /// What a path and query ask for; nil if any byte of them is not as it was signed.
    func read(_ target: String) -> FileLink? {
        guard target.hasPrefix(Self.root), let dot = target.firstIndex(of: "."),
            let version = target.firstRange(of: Self.version), signed(String(target[..<version.upperBound])) == target
        else { return nil }
        let name = target[target.index(target.startIndex, offsetBy: Self.root.count)..<dot]
        var base64 = Base64Decoder()
        guard let head = try? base64.decode(name.utf8), let tail = try? base64.finish() else { return nil }
        return try? JSONDecoder().decode(FileLink.self, from: Data(head + tail))
    }

    /// The query's parameters that say when the link ends.
    private static func expiry(of link: FileLink) -> String {
        switch link.traits.expiry ?? .capital {
        case .capital: "Expires=\(link.expires)"
        case .small: "expires=\(link.expires)"
        case .amazon: lifetime(of: link, vendor: "X-Amz")
        case .google: lifetime(of: link, vendor: "X-Goog")
        case .unsaid: ""
        }
    }

    /// As if it had been signed an hour before its end.
    private static func lifetime(of link: FileLink, vendor: String) -> String {
        var seconds = link.expires - 3600
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let date = "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))"
        let clock = "\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))"
        return "\(vendor)-Date=\(date)T\(clock)Z&\(vendor)-Expires=3600"
    }

    /// A target with the signature of all that stands before it.
    private func signed(_ target: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: Data(target.utf8), using: key)
        var base64 = Base64Encoder(Base64Form())
        let signature = base64.encode(Array(code)) + base64.finish()
        return target + String(decoding: signature, as: UTF8.self)
    }
}
