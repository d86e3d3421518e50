extension EditRequest {
    /// The value of a field that is the model's own: a text, a number, or true or false. fluxq only passes it on.
    package enum ParameterValue: Hashable, Sendable {
        case text(String)
        /// A number that is whole and fits 64 bits, however it was written (`1`, `1.0`).
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
    /// As a person writes it: `1024x1024`, `3`, `0.5`, `true`.
    package var description: String {
        switch self {
        case .text(let text): text
        case .integer(let integer): "\(integer)"
        case .number(let number): "\(number)"
        case .truth(let truth): "\(truth)"
        }
    }
}
