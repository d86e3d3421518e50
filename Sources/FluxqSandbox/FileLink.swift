import Crypto
import FluxqFormats
import FoundationEssentials

/// What a link carries, and what the sandbox does when it is followed. Nothing about a link is kept: its name says all.
struct FileLink: Codable, Hashable, Sendable {
    let picture: PicturePlan
    /// The call that it came from, so that every call's links are its own.
    let call: String
    var traits: Traits

    struct Traits: Codable, Hashable, Sendable {
        var dead: Bool?
        /// The first so many downloads fail with 503.
        var flaky: Int?
        /// The first so many downloads break off in the middle.
        var cut: Int?
        var slowSeconds: Double?
        /// So many redirects before the picture.
        var hops: Int?
        /// Said to be a JPEG.
        var jpeg: Bool?

        enum CodingKeys: String, CodingKey {
            case dead = "d"
            case flaky = "f"
            case cut = "x"
            case slowSeconds = "s"
            case hops = "h"
            case jpeg = "j"
        }
    }

    enum CodingKeys: String, CodingKey {
        case picture = "p"
        case call = "k"
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
    func target(_ link: FileLink, expires unixSeconds: Int) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var base64 = Base64Encoder(Base64Form(lines: false, urlSafe: true, padded: false))
        let name = base64.encode(Array(try encoder.encode(link))) + base64.finish()
        return signed(name: String(decoding: name, as: UTF8.self), expires: unixSeconds)
    }

    /// What a path and query ask for; nil where any byte of them is not as it was signed.
    func read(_ target: String) -> (link: FileLink, expires: Int)? {
        guard target.hasPrefix(Self.root), let dot = target.firstIndex(of: ".") else { return nil }
        let name = String(target[target.index(target.startIndex, offsetBy: Self.root.count)..<dot])
        let query = target[dot...]
        let start = ".png?Expires="
        guard query.hasPrefix(start) else { return nil }
        let digits = query.dropFirst(start.count).prefix { $0 != "&" }
        guard let expires = Int(digits), signed(name: name, expires: expires) == target else { return nil }
        var base64 = Base64Decoder()
        guard let head = try? base64.decode(name.utf8), let tail = try? base64.finish(),
            let link = try? JSONDecoder().decode(FileLink.self, from: Data(head + tail))
        else { return nil }
        return (link, expires)
    }

    private func signed(name: String, expires: Int) -> String {
        let target = "\(Self.root)\(name).png?Expires=\(expires)"
        let code = HMAC<SHA256>.authenticationCode(for: Data(target.utf8), using: key)
        var base64 = Base64Encoder(Base64Form())
        let signature = base64.encode(Array(code)) + base64.finish()
        return "\(target)&Signature=\(Self.version)\(String(decoding: signature, as: UTF8.self))"
    }
}
