package import FluxqModel

extension EditRequest.Draft {
    /// As `validated(by:drawSeed:)` with a catalog that offers whatever the draft asks for, by its usual rules.
    package func validated(
        defaultModel: String, drawSeed: () -> Int64
    ) -> Result<EditRequest, EditRequest.Invalid> {
        validated(by: ModelCatalog(offering: [model ?? defaultModel]), drawSeed: drawSeed)
    }
}
