import FluxqFormats
import Foundation
import Testing

@testable import FluxqSandbox

/// One or more words, and their effect for a client.
struct WordRow: Sendable, CustomTestStringConvertible {
    let words: String
    var fields: [String: JSONValue] = [:]
    /// The number of pictures that may have been billed; nil if none.
    let billed: Int?
    let check: @Sendable (SandboxClient, SandboxClient.Seen) async throws -> Void

    var testDescription: String { words }

    init(
        _ words: String, _ fields: [String: JSONValue] = [:], billed: Int? = nil,
        check: @escaping @Sendable (SandboxClient, SandboxClient.Seen) async throws -> Void
    ) {
        self.words = words
        self.fields = fields
        self.billed = billed
        self.check = check
    }

    /// An error of that status in the vendor's form.
    static func error(_ words: String, _ status: Int, _ code: String, billed: Int? = nil) -> WordRow {
        WordRow(words, billed: billed) { _, seen throws in
            let answer = try seen.answer()
            #expect(answer.status == status)
            let error = try answer.error()
            #expect(error["code"]?.string == code)
            #expect(error["type"]?.string?.isEmpty == false)
            #expect(error["message"]?.string?.isEmpty == false)
            #expect(error["param"]?.string == answer.headers["x-request-id"])
        }
    }

    /// Status 200 and a JSON answer.
    static func good(
        _ words: String, _ fields: [String: JSONValue] = [:], billed: Int? = 1,
        check: @escaping @Sendable (SandboxClient, JSONValue) async throws -> Void
    ) -> WordRow {
        WordRow(words, fields, billed: billed) { client, seen throws in
            let answer = try seen.answer()
            #expect(answer.status == 200)
            try await check(client, try answer.json())
        }
    }

    /// Checks the results of following the answer's only link, one after the other.
    static func link(_ words: String, _ checks: @Sendable (SandboxClient.Seen) throws -> Void...) -> WordRow {
        good(words) { client, json throws in
            let link = try #require(json.items.first?["url"]?.string)
            for check in checks { try check(await client.download(link)) }
        }
    }

    /// The inline base64 of the answer's only picture.
    static func inline(_ words: String, check: @escaping @Sendable (String) throws -> Void) -> WordRow {
        good(words, ["response_format": "b64_json"]) { _, json throws in
            try check(try #require(json.items.first?["b64_json"]?.string))
        }
    }
}
