import Crypto
import FluxqFormats

/// A request that the vendor's page allows (docs/images-api.md, "The request").
struct ImageOrder: Hashable, Sendable {
    let prompt: String
    let model: String
    let n: Int
    /// −1 if the sandbox chooses one.
    let seed: Int64
    /// True if `response_format` is `b64_json`.
    let inline: Bool
    /// All other fields that the pictures depend on.
    private let other: [String]

    /// The fields of OpenAI's images API for gpt-image-1, and `image`, which it accepts for edits.
    private static let fieldsOfOpenAI: Set<String> = [
        "prompt", "model", "image", "n", "size", "quality", "background", "moderation", "output_format",
        "output_compression", "input_fidelity", "mask", "partial_images", "stream", "user",
    ]

    /// The first field, by name, that OpenAI's images API does not know.
    static func fieldUnknownToOpenAI(in call: ReceivedCall) -> String? {
        guard case .object(let fields) = call.fields else { return nil }
        return fields.keys.filter { !fieldsOfOpenAI.contains($0) }.min()
    }

    /// The vendor requires `image` for its own model only.
    private static let modelThatRequiresImage = "black-forest-labs/flux-kontext-max"

    /// - Throws: the first violation of the vendor's page, in the page's order.
    init(_ call: ReceivedCall) throws(VendorError) {
        guard let fields = call.fields else { throw .param("the body is not JSON; send one JSON object") }
        guard case .object = fields else {
            throw .param("the body must be a JSON object, but is \(fields.kind)")
        }
        let reader = OrderReader(fields: fields)
        let prompt = try reader.string("prompt") ?? ""
        guard prompt.contains(where: { !$0.isWhitespace }) else {
            throw .param("prompt is required and must not be empty")
        }
        guard let model = try reader.string("model"), !model.isEmpty else {
            throw .param("model is required; for example \(Self.modelThatRequiresImage)")
        }
        let image = try Self.image(of: call, model: model)
        let n = try reader.integer("n", in: 1...4) ?? 1
        let strength = try reader.number("strength", in: 0...1) ?? 0.8
        let seed = try reader.integer("seed", in: -1...Int64.max) ?? -1
        let steps = try reader.integer("steps", in: 1...50) ?? 20
        let guidance = try reader.number("guidance_scale", in: 1...10) ?? 2.5
        let negative = try reader.string("negative_prompt") ?? ""
        let format = try reader.string("response_format") ?? "url"
        guard format == "url" || format == "b64_json" else {
            throw .param("response_format must be url or b64_json, but is \(format)")
        }
        self.prompt = prompt
        self.model = model
        self.n = Int(n)
        self.seed = seed
        inline = format == "b64_json"
        other = [image ?? "none", "\(strength)", "\(steps)", "\(guidance)", negative]
    }

    private static func image(of call: ReceivedCall, model: String) throws(VendorError) -> String? {
        if let image = call.image { return try image.get() }
        switch call.fields?["image"] {
        case nil, .null?:
            guard model != modelThatRequiresImage else { throw .param("image is required by \(model)") }
            return nil
        case let value?:
            throw .param("image must be a string, but is \(value.kind)")
        }
    }

    /// 32 hex digits that identify one picture of this order. `n` and the form of the answer are not part of it: the
    /// first of four pictures is the same as the only one.
    ///
    /// - Parameters:
    ///   - seed: the order's own, or the one that was chosen.
    ///   - index: from 0.
    func identity(seed: Int64, index: Int) -> String {
        var hash = SHA256()
        for part in [prompt, model] + other + ["\(seed)", "\(index)"] {
            hash.update(data: Array("\(part.utf8.count):\(part)".utf8))
        }
        return hexadecimal(hash.finalize().prefix(16))
    }

    /// Distinguishes this order when equal calls are counted.
    var countingKey: String { "\(identity(seed: seed, index: 0))-\(n)-\(inline)" }
}

/// Reads fields and reports the invalid one. A null counts as absent.
private struct OrderReader {
    let fields: JSONValue

    private func value(_ name: String) -> JSONValue? {
        let value = fields[name]
        return value == .null ? nil : value
    }

    func string(_ name: String) throws(VendorError) -> String? {
        guard let value = value(name) else { return nil }
        guard let string = value.string else { throw .param("\(name) must be a string, but is \(value.kind)") }
        return string
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) throws(VendorError) -> Int64? {
        guard let value = value(name) else { return nil }
        let end = range.upperBound == .max ? "on" : "to \(range.upperBound)"
        guard let integer = value.integer else {
            throw .param("\(name) must be a whole number from \(range.lowerBound) \(end), but is \(described(value))")
        }
        guard range.contains(integer) else {
            throw .param("\(name) must be from \(range.lowerBound) \(end), but is \(integer)")
        }
        return integer
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws(VendorError) -> Double? {
        guard let value = value(name) else { return nil }
        guard let number = value.double else {
            throw .param(
                "\(name) must be a number from \(range.lowerBound) to \(range.upperBound), but is \(value.kind)")
        }
        guard range.contains(number) else {
            throw .param("\(name) must be from \(range.lowerBound) to \(range.upperBound), but is \(number)")
        }
        return number
    }

    private func described(_ value: JSONValue) -> String {
        if case .number(let number) = value { "\(number)" } else { value.kind }
    }
}
