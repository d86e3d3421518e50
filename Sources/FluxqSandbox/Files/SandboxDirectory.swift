/// The small files next to the ledger. Everything here blocks: call it off the cooperative pool.
struct SandboxDirectory: Sendable {
    let path: String

    private static let secretBytes = 32

    /// The secret that signs the links; generated once, so that links survive a restart.
    func secret() throws(SandboxError) -> [UInt8] {
        let file = "\(path)/secret"
        if let secret = try SandboxFile.read(file, limit: Self.secretBytes), secret.count == Self.secretBytes {
            return secret
        }
        var random = SystemRandomNumberGenerator()
        let secret = (0..<Self.secretBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        try SandboxFile.replace(file, with: secret)
        return secret
    }

    /// The last port of the sandbox; nil if no valid one is recorded.
    func lastPort() throws(SandboxError) -> Int? {
        guard let text = try SandboxFile.read("\(path)/port", limit: 16) else { return nil }
        let digits = String(decoding: text, as: UTF8.self).prefix { $0 != "\n" }
        return Int(digits).flatMap { (1...65_535).contains($0) ? $0 : nil }
    }

    func record(port: Int) throws(SandboxError) {
        try SandboxFile.replace("\(path)/port", with: Array("\(port)\n".utf8))
    }
}
