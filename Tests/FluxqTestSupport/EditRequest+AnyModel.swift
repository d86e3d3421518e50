package import FluxqModel

extension EditRequest.Draft {
    /// Like `validated(by:drawSeed:)`, with a catalog that offers every requested model under its usual rules.
    package func validated(
        defaultModel: String, drawSeed: () -> Int64
    ) -> Result<EditRequest, EditRequest.Invalid> {
        validated(by: ModelCatalog(offering: [model ?? defaultModel]), drawSeed: drawSeed)
    }
}
