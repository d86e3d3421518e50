import FluxqFormats

/// The error in an answer, in any of the shapes that APIs are known to send:
///
/// ```
/// {"error": {"code": "param_error", "type": "invalid_request_error", "message": "…", "param": "request id"}}
/// {"error": "invalid api key"}
/// {"code": 401, "message": "…"}         {"error_code": 17, "error_msg": "…"}
/// {"status": "Request Moderated"}       {"errors": [{"message": "…"}]}
/// event: error
/// data: {"code": "server_error", "message": "…"}
/// ```
struct ErrorDocument: Hashable, Sendable {
    var code: String?
    var type: String?
    var message: String?
    var requestID: String?
    /// True for an error object, or for a code that such an API is known to send. Any web server may send a text, or a
    /// number that repeats the status.
    var isOfAPI = false

    /// - Parameter event: the name of the event that carried it.
    /// - Returns: nil if the answer has no error of its own.
    init?(answer: JSONValue, event: String? = nil) {
        let named = [answer["error"], answer["errors"], answer["Error"], answer["ResponseMetadata"]?["Error"]]
        let nested = [answer["base_resp"], answer["output"], answer["detail"]].compactMap(\.self)
        if let document = named.lazy.compactMap(\.self).compactMap({ ErrorDocument(error: $0) }).first {
            self = document
        } else if event == "error" || answer["type"]?.string == "error", let document = ErrorDocument(error: answer) {
            self = document
        } else if let document = ([answer] + nested).lazy.compactMap({ ErrorDocument(envelope: $0) }).first {
            self = document
        } else {
            return nil
        }
        requestID = requestID ?? Self.id(in: answer)
        isOfAPI = isOfAPI || [code, type].contains { $0.flatMap(ErrorCode.init(word:)) != nil }
    }

    /// Reads the value of an `error` member, of an answer or of one of its items.
    init?(error: JSONValue) {
        switch error {
        case .null, .bool(false): return nil
        case .string(let text):
            guard !text.isEmpty else { return nil }
            message = text
        case .bool(true): break
        case .integer, .number:
            guard let code = Self.word(error), !Self.meansSuccess(code) else { return nil }
            self.code = code
        case .array(let errors):
            guard let document = errors.lazy.compactMap({ ErrorDocument(error: $0) }).first else { return nil }
            self = document
        case .object(let members):
            code = Self.words(Self.codes, in: error) ?? Self.word(members["Code"])
            type = Self.word(members["type"])
            message = Self.texts(Self.messages, in: error) ?? Self.word(members["Message"])
            requestID = Self.id(in: error)
            if let code, Self.meansSuccess(code), type == nil, Self.isHarmless(message) { return nil }
            guard code != nil || type != nil || message != nil || !Self.isBlank(error) else { return nil }
            isOfAPI = true
        }
    }

    /// Reads a code beside `data` instead of an `error`. Codes such as zero and 200 mean success.
    private init?(envelope: JSONValue) {
        let status = Self.words(["status", "state"], in: envelope).flatMap { ErrorCode(word: $0) == nil ? nil : $0 }
        let message = Self.texts(Self.messages, in: envelope)
        guard let code = Self.words(Self.codes, in: envelope) ?? status, !Self.meansSuccess(code),
            // Some APIs count from 10000 and use such codes for success.
            Int(code) == nil || message == nil || !Self.isHarmless(message)
        else { return nil }
        self.code = code
        self.message = message
        type = Self.word(envelope["type"])
        requestID = Self.id(in: envelope)
    }

    /// Returns the message of an answer without an error.
    static func remark(in answer: JSONValue) -> String? {
        texts(messages, in: answer)
    }

    // MARK: - Its parts

    private static let codes = ["code", "error_code", "errorCode", "errcode", "err_code", "status_code", "statusCode"]
    private static let messages = [
        "message", "msg", "detail", "error_message", "errorMessage", "error_msg", "errmsg", "status_msg",
        "error_description", "title",
    ]
    private static let ids = ["request_id", "requestId", "RequestId", "trace_id", "traceId", "log_id"]

    /// `param` is the request id for this vendor, and the name of a field for others.
    private static func id(in value: JSONValue) -> String? {
        words(ids, in: value) ?? word(value["param"]).flatMap { looksLikeID($0) ? $0 : nil }
    }

    /// Ids are long and contain digits, or have a known prefix. Names of fields are words, perhaps with an index.
    static func looksLikeID(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "-_.:+/=".utf8.contains(byte)
        }
        guard isPlain, text.utf8.count <= Redactor.wordLimit else { return false }
        let digits = text.utf8.count { (0x30...0x39).contains($0) }
        let lowercased = text.lowercased()
        let isNamed = ["req-", "req_", "request-", "trace-", "call-"].contains(where: lowercased.hasPrefix)
        return isNamed && digits > 0 || text.utf8.count >= 12 && digits >= 3
    }

    private static func meansSuccess(_ code: String) -> Bool {
        if let number = Int(code) { return number == 0 || (200..<300).contains(number) }
        return ["success", "succeeded", "ok"].contains(code.lowercased())
    }

    private static func isHarmless(_ message: String?) -> Bool {
        guard let message else { return true }
        return message.isEmpty || meansSuccess(message)
    }

    /// True if the value has only empty texts, zeros, false and nulls.
    private static func isBlank(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false), .integer(0), .string(""): true
        case .array(let values): values.allSatisfy(isBlank)
        case .object(let members): members.values.allSatisfy(isBlank)
        case .bool, .integer, .number, .string: false
        }
    }

    private static func words(_ names: [String], in value: JSONValue) -> String? {
        names.lazy.compactMap { word(value[$0]) }.first
    }

    private static func texts(_ names: [String], in value: JSONValue) -> String? {
        names.lazy.compactMap { text(value[$0]) }.first
    }

    /// Returns a string that is not empty, or a number as its decimal text.
    private static func word(_ value: JSONValue?) -> String? {
        switch value {
        case .string(let string): string.isEmpty ? nil : string
        case .integer(let integer): String(integer)
        case .number(let number): String(number)
        default: nil
        }
    }

    /// Returns a string, or the first text inside a list or an object (`{"detail": [{"msg": "…"}]}`).
    private static func text(_ value: JSONValue?) -> String? {
        switch value {
        case .array(let values): values.lazy.compactMap { text($0) }.first
        case .object(let members): text(members["msg"]) ?? text(members["message"])
        default: word(value)
        }
    }
}
