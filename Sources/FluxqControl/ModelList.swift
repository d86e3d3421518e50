/// The answer of `GET /v1/models`, in the shape that clients of OpenAI's API expect.
package struct ModelList: Hashable, Sendable, Codable {
    /// `list`.
    package var object = "list"
    /// In the order of the configuration.
    package var data: [ModelDocument]

    package init(data: [ModelDocument]) {
        self.data = data
    }
}

/// A model that jobs can ask for.
package struct ModelDocument: Hashable, Sendable, Codable {
    /// Its name, as a request's `model` has it.
    package var id: String
    /// `model`.
    package var object = "model"
    /// Always 0: clients of OpenAI's API expect a time.
    package var created: Int?
    /// The endpoint, under the name that clients of OpenAI's API expect.
    package var ownedBy: String?
    /// The endpoint that its calls go to.
    package var endpoint: String
    /// Whether it is the model of a request that names none.
    package var isDefault: Bool
    /// Of one image, in units of `currency`; left out if the configuration names none.
    package var price: Double?
    package var currency: String?
    /// What a request to it may have.
    package var fields: [Field]

    package struct Field: Hashable, Sendable, Codable {
        package var name: String
        /// `string`, `integer`, `number`; `any` for a field of the model's own: a string, a number or a boolean.
        package var type: String
        package var required: Bool
        package var minimum: Double?
        package var maximum: Double?
        /// Of a string.
        package var maxBytes: Int?
        /// All that a string can be.
        package var values: [String]?

        package enum CodingKeys: String, CodingKey {
            case name, type, required, minimum, maximum
            case maxBytes = "max_bytes"
            case values
        }

        /// With what every field has; the rest is set afterwards.
        package init(name: String, type: String, required: Bool) {
            self.name = name
            self.type = type
            self.required = required
        }
    }

    package enum CodingKeys: String, CodingKey {
        case id, object, created, endpoint
        case ownedBy = "owned_by"
        case isDefault = "default"
        case price, currency, fields
    }

    package init(
        id: String, endpoint: String, isDefault: Bool, price: Double?, currency: String?, fields: [Field]
    ) {
        self.id = id
        created = 0
        ownedBy = endpoint
        self.endpoint = endpoint
        self.isDefault = isDefault
        self.price = price
        self.currency = currency
        self.fields = fields
    }
}
