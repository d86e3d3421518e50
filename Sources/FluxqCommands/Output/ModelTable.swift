import FluxqControl
import FluxqModel
import FluxqWords

/// The available models, one per line.
struct ModelTable {
    let models: [ModelDocument]

    func lines(_ presentation: Presentation) -> [String] {
        TextTable(
            columns: [
                .init(title: "MODEL"), .init(title: "ENDPOINT"), .init(title: "PRICE", alignment: .right),
                .init(title: "PICTURE"), .init(title: "FIELDS"),
            ],
            rows: models.map { model in
                [
                    .init(TerminalText.line(model.id) + (model.isDefault ? " *" : "")),
                    .init(TerminalText.line(model.endpoint)), .init(price(of: model)), .init(picture(of: model)),
                    .init(fields(of: model)),
                ]
            }
        ).lines(presentation)
    }

    /// `0.08 USD`.
    private func price(of model: ModelDocument) -> String? {
        guard let price = model.price, let micros = LimitKind.Unit.money.value(wire: price) else { return nil }
        return LimitWords.amount(micros, .money, currency: model.currency.map(TerminalText.line))
    }

    private func picture(of model: ModelDocument) -> String {
        guard let image = model.fields.first(where: { $0.name == EditRequest.CodingKeys.image.rawValue }) else {
            return "none"
        }
        return image.required ? "needed" : "optional"
    }

    /// Fields with an option of fluxq that the model accepts, then its own fields. Leaves out those with a column or an
    /// argument.
    private func fields(of model: ModelDocument) -> String {
        let shown: [EditRequest.CodingKeys] = [.model, .prompt, .image]
        return model.fields.filter { field in !shown.contains { $0.rawValue == field.name } }
            .map { TerminalText.line($0.name) }.joined(separator: ", ")
    }
}
