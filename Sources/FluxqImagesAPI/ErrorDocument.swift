import FluxqFormats

/// What an answer says went wrong, in whichever of the shapes seen in the wild:
///
/// ```
/// {"error": {"code": "param_error", "type": "invalid_request_error", "message": "…", "param": "request id"}}
/// {"error": "invalid api key"}
/// {"code": 401, "message": "…"}
/// {"status": "Request Moderated"}
/// ```
struct ErrorDocument: Hashable, Sendable {
    var code: String?
    var type: String?
    var message: String?
    var requestID: String?

    /// - Returns: nil where the answer has no error of its own.
    init?(answer: JSONValue) {
        if let error = answer["error"], let document = ErrorDocument(error: error) {
            self = document
        } else if let document = ErrorDocument(envelope: answer) {
            self = document
        } else {
            return nil
        }
        requestID = requestID ?? Self.word(answer["request_id"])
    }

    /// The value of an `error` member, of an answer or of one of its items.
    init?(error: JSONValue) {
        switch error {
        case .null, .bool(false): return nil
        case .string(let text):
            guard !text.isEmpty else { return nil }
            message = text
        case .bool(true): break
        case .integer, .number:
            code = Self.word(error)
        case .array(let errors):
            guard let document = errors.lazy.compactMap({ ErrorDocument(error: $0) }).first else { return nil }
            self = document
        case .object(let members):
            guard !members.isEmpty else { return nil }
            code = Self.word(members["code"])
            type = Self.word(members["type"])
            message = Self.text(members["message"])
            requestID = Self.word(members["param"]) ?? Self.word(members["request_id"])
        }
    }

    /// A code beside `data` instead of an `error`. Zero, 200 and such say that all is well.
    private init?(envelope: JSONValue) {
        let status = Self.word(envelope["status"])
        let code = Self.word(envelope["code"]) ?? status.flatMap { ErrorCode(word: $0) == nil ? nil : $0 }
        guard let code, !Self.meansSuccess(code) else { return nil }
        self.code = code
        type = Self.word(envelope["type"])
        message = Self.text(envelope["message"]) ?? Self.text(envelope["msg"]) ?? Self.text(envelope["detail"])
        requestID = Self.word(envelope["param"])
    }

    /// What an answer without an error of its own has to say for itself.
    static func remark(in answer: JSONValue) -> String? {
        text(answer["message"]) ?? text(answer["msg"]) ?? text(answer["detail"])
    }

    private static func meansSuccess(_ code: String) -> Bool {
        if let number = Int(code) { return number == 0 || (200..<300).contains(number) }
        return ["success", "ok"].contains(code.lowercased())
    }

    /// A string that is not empty, or a number as its decimal text.
    private static func word(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let string): string.isEmpty ? nil : string
        case .integer(let integer): String(integer)
        case .number(let number): String(number)
        default: nil
        }
    }

    /// A string, or the first text inside of a list or an object (`{"detail": [{"msg": "…"}]}`).
    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .array(let values): values.lazy.compactMap { text($0) }.first
        case .object(let members): text(members["msg"]) ?? text(members["message"])
        default: word(value)
        }
    }
}
