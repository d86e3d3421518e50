import ArgumentParser
import FluxqModel

/// `--set KEY=VALUE`: a field specific to the model.
struct FieldSetting: Hashable, Sendable {
    let name: String
    let value: EditRequest.ParameterValue

    /// - Throws: `ValidationError` without a `=`, or without a name before it.
    init(argument: String) throws {
        let name = argument.prefix { $0 != "=" }
        guard name.count < argument.count, !name.isEmpty else {
            throw ValidationError("write KEY=VALUE, such as size=1024x1024.")
        }
        self.name = String(name)
        value = EditRequest.ParameterValue(written: argument.dropFirst(name.count + 1))
    }

    /// The option for a field of fluxq itself; nil for any other name.
    var ownOption: String? {
        guard let field = EditRequest.CodingKeys(rawValue: name) else { return nil }
        return field == .prompt ? "the prompt's argument" : "--\(name.replacing("_", with: "-"))"
    }

    /// - Throws: `ValidationError` if a field is given twice, or is a field of fluxq itself.
    static func parameters(of settings: [FieldSetting]) throws -> [String: EditRequest.ParameterValue] {
        var parameters: [String: EditRequest.ParameterValue] = [:]
        for setting in settings {
            if let option = setting.ownOption {
                throw ValidationError("--set is for fields specific to the model; set \(setting.name) with \(option).")
            }
            guard parameters.updateValue(setting.value, forKey: setting.name) == nil else {
                throw ValidationError("--set gives \(setting.name) twice. Keep one.")
            }
        }
        return parameters
    }
}

extension EditRequest.ParameterValue {
    /// `true` and `false` are booleans, text that is a JSON number is a number, and anything else is text.
    init(written text: Substring) {
        if text == "true" || text == "false" {
            self = .truth(text == "true")
        } else if text.wholeMatch(of: #/-?(0|[1-9][0-9]*)/#) != nil, let integer = Int64(text) {
            self = .integer(integer)
        } else if text.wholeMatch(of: #/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/#) != nil,
            let number = Double(text), number.isFinite
        {
            self = .number(number)
        } else {
            self = .text(String(text))
        }
    }
}
