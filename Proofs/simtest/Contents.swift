import Crypto
import FluxqModel
import FluxqTestSupport

/// The bytes that a link or an inline picture can hold.
struct Contents: Sendable {
    let bytes: [UInt8]
    let hash: ContentHash
    let isPicture: Bool

    private init(_ bytes: [UInt8], isPicture: Bool) {
        self.bytes = bytes
        self.isPicture = isPicture
        hash = ContentHash(digest: Array(SHA256.hash(data: bytes)))
    }

    static let pictures = SamplePictures.all.map { Contents($0.bytes, isPicture: true) }
    /// A gateway's page, an empty file, and a picture that ends early although the transfer was complete.
    static let junk = [
        Contents(Array("<html>502</html>".utf8), isPicture: false), Contents([], isPicture: false),
        Contents(Array(SamplePictures.jpeg.bytes.dropLast(9)), isPicture: false),
    ]
    static let byHash = Dictionary((pictures + junk).map { ($0.hash, $0) }, uniquingKeysWith: { first, _ in first })
}

extension ContentHash {
    /// The path of the content in the archive of a state directory.
    func path(in directory: String) -> String { "\(directory)/objects/sha256/\(hex.prefix(2))/\(hex)" }
}
