/// The SHA-256 of a file's bytes. It is the name of a picture in the archive and, as `sha256:<64 hex digits>`, on the
/// wire.
package struct ContentHash: Hashable, Sendable, CustomStringConvertible {
    /// 64 lower-case hexadecimal digits.
    package let hex: String

    package init?(hex: some StringProtocol) {
        let digits = hex.utf8
        guard digits.count == 64,
            digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.hex = String(hex)
    }

    /// - Parameter digest: the 32 bytes of a SHA-256.
    package init(digest: some Collection<UInt8>) {
        precondition(digest.count == 32, "a SHA-256 has 32 bytes")
        let alphabet = Array("0123456789abcdef".utf8)
        hex = String(decoding: digest.flatMap { [alphabet[Int($0 >> 4)], alphabet[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Reads the wire's form, `sha256:<64 hex digits>`.
    package init?(wire text: some StringProtocol) {
        guard text.hasPrefix("sha256:") else { return nil }
        self.init(hex: text.dropFirst("sha256:".count))
    }

    /// `sha256:<64 hex digits>`.
    package var description: String { "sha256:\(hex)" }
}
