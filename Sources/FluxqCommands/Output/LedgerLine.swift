import FluxqControl
import FluxqModel

/// One line about a job's call: its time, result and cost.
struct LedgerLine {
    private let call: JobDocument.LedgerDocument

    init(_ call: JobDocument.LedgerDocument) {
        self.call = call
    }

    /// - Parameter withMessage: adds the message of the API or the network.
    func text(_ presentation: Presentation, withMessage: Bool) -> String {
        let begun = call.begunAt.timestamp
        var parts = [presentation.clock.text(begun)]
        if let sentAt = call.sentAt { parts.append("sent after \(Elapsed.words(sentAt.timestamp - begun))") }
        if let settledAt = call.settledAt {
            let outcome = call.outcome?.replacing("_", with: " ") ?? "ended"
            parts.append("\(outcome) after \(Elapsed.words(settledAt.timestamp - begun))")
        }
        parts.append(bill)
        let facts = [call.status.map { "HTTP \($0)" }, call.requestID.map { "request id \($0)" }].compactMap { $0 }
        var text = parts.joined(separator: ", ")
        if !facts.isEmpty { text += " (\(facts.joined(separator: ", ")))" }
        if withMessage, let message = call.message { text += ": \(message)" }
        return TerminalText.line(text)
    }

    private var bill: String {
        switch Billing(rawValue: call.billing) {
        case .reserved: "in flight\(price(of: call.imagesWanted))"
        case .billed: "billed\(price(of: call.images ?? 0))"
        case .notBilled: "not billed"
        case .unknown: "may have been billed\(price(of: call.imagesWanted))"
        case nil: call.billing
        }
    }

    /// `, 4 x 0.08 USD`; empty if the configuration has no price.
    private func price(of pictures: Int) -> String {
        guard let price = call.price, let currency = call.currency else { return "" }
        return " \(pictures) x \(price) \(currency)"
    }
}
