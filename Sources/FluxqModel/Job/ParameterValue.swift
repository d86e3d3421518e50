extension EditRequest {
    /// The value of a model's own field: a text, a number, or true or false. fluxq only forwards it.
    package enum ParameterValue: Hashable, Sendable {
        case text(String)
        /// A whole number that fits 64 bits, in any notation (`1`, `1.0`).
        case integer(Int64)
        case number(Double)
        case truth(Bool)
    }
}

extension EditRequest.ParameterValue: Codable {
    package init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let truth = try? value.decode(Bool.self) {
            self = .truth(truth)
        } else if let integer = try? value.decode(Int64.self) {
            self = .integer(integer)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try value.decode(String.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .text(let text): try value.encode(text)
        case .integer(let integer): try value.encode(integer)
        case .number(let number): try value.encode(number)
        case .truth(let truth): try value.encode(truth)
        }
    }
}

extension EditRequest.ParameterValue: CustomStringConvertible {
    /// The value as a person writes it: `1024x1024`, `3`, `0.5`, `true`.
    package var description: String {
        switch self {
        case .text(let text): text
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .truth(let truth): "\(truth)"
        }
    }
}
