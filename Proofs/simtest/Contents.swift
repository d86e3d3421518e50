import Crypto
import FluxqModel
import FluxqTestSupport

/// What a link or an inline picture can hold.
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
    /// A gateway's page, nothing, and a picture that ends early though it came whole.
    static let junk = [
        Contents(Array("<html>502</html>".utf8), isPicture: false), Contents([], isPicture: false),
        Contents(Array(SamplePictures.jpeg.bytes.dropLast(9)), isPicture: false),
    ]
    static let byHash = Dictionary((pictures + junk).map { ($0.hash, $0) }, uniquingKeysWith: { first, _ in first })
}

extension ContentHash {
    /// Where the archive of a state directory has that content.
    func path(in directory: String) -> String { "\(directory)/objects/sha256/\(hex.prefix(2))/\(hex)" }
}
