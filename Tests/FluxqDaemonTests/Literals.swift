import FluxqImagesAPI

extension BaseURL: ExpressibleByStringLiteral {
    /// An invalid text stops the test.
    public init(stringLiteral text: String) {
        do {
            self = try BaseURL(text)
        } catch {
            fatalError("\(text) \(error.problem)")
        }
    }
}

extension HostAndPort: ExpressibleByStringLiteral {
    /// An invalid text stops the test.
    public init(stringLiteral text: String) {
        guard let place = HostAndPort(text) else { fatalError("\(text) is not a host") }
        self = place
    }
}
