import FluxqFormats
import FluxqModel
import Foundation
import Testing

@testable import FluxqControl

@Suite("A submission's JSON")
struct JobSubmissionTests {
    private static func json(_ text: String) throws -> JSONValue {
        try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
    }

    @Test("every field is read, whole numbers however they are written")
    func whole() throws {
        let submission = try JobSubmission(
            json: Self.json(
                """
                {"request": {"model": "m", "prompt": "p", "image": "https://h/x.png", "n": 2.0, "strength": 1, "seed": 7,
                  "steps": 20, "guidance_scale": 2.5, "negative_prompt": "x", "response_format": "b64_json"},
                 "options": {"priority": -3, "label": "l", "not_before": "2026-11-22T10:00:00Z", "on_unknown": "retry",
                  "key": "k"}}
                """))
        #expect(submission.request.n == 2 && submission.request.strength == 1)
        #expect(submission.request.image == .link("https://h/x.png"))
        #expect(submission.request.responseFormat == .b64JSON)
        #expect(submission.options.priority == -3 && submission.options.onUnknown == .retry)
        #expect(submission.options.notBefore?.timestamp == Timestamp(secondsSinceEpoch: 1_795_341_600))
        // What is written is read again as it was.
        let again = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(submission))
        #expect(try JobSubmission(json: again) == submission)
    }

    @Test("null is the same as absent")
    func null() throws {
        let submission = try JobSubmission(
            json: Self.json(#"{"request": {"prompt": "p", "n": null}, "options": null}"#))
        #expect(submission.request.n == nil && submission.options == .init())
    }

    @Test(
        "what is unknown or of the wrong type is named",
        arguments: [
            ("[]", "body"), ("3", "body"), ("{}", "request"), (#"{"request": 3}"#, "request"),
            (#"{"request": {}, "extra": 1}"#, "extra"), (#"{"request": {"size": ["1024x1024"]}}"#, "size"),
            (#"{"request": {"size": {"width": 1024}}}"#, "size"),
            (#"{"request": {"n": "2"}}"#, "n"), (#"{"request": {"n": 1.5}}"#, "n"), (#"{"request": {"n": true}}"#, "n"),
            (#"{"request": {"n": 99999999999999999999}}"#, "n"), (#"{"request": {"prompt": ["x"]}}"#, "prompt"),
            (#"{"request": {"strength": "high"}}"#, "strength"), (#"{"request": {"image": {}}}"#, "image"),
            (#"{"request": {"response_format": "png"}}"#, "response_format"),
            (#"{"request": {}, "options": {"priority": 101}}"#, "options.priority"),
            (#"{"request": {}, "options": {"label": ""}}"#, "options.label"),
            (#"{"request": {}, "options": {"label": "a\u0007"}}"#, "options.label"),
            (#"{"request": {}, "options": {"not_before": "tomorrow"}}"#, "options.not_before"),
            (#"{"request": {}, "options": {"not_before": 12}}"#, "options.not_before"),
            (#"{"request": {}, "options": {"on_unknown": "ask"}}"#, "options.on_unknown"),
            (#"{"request": {}, "options": {"user": "root"}}"#, "options.user"),
        ])
    func wrong(_ text: String, _ field: String) throws {
        let json = try Self.json(text)
        do throws(EditRequest.Invalid) {
            _ = try JobSubmission(json: json)
            Issue.record("accepted")
        } catch {
            #expect(error.fields.map(\.field) == [field])
        }
    }

    @Test("every other field of the request is kept as it came, for the model to take or not; null is absent")
    func parameters() throws {
        let submission = try JobSubmission(
            json: Self.json(
                #"{"request": {"prompt": "p", "size": "1024x1024", "k": 1, "x": 0.5, "on": true, "off": null}}"#))
        #expect(
            submission.request.parameters
                == ["size": .text("1024x1024"), "k": .integer(1), "x": .number(0.5), "on": .truth(true)])
        let again = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(submission))
        #expect(try JobSubmission(json: again) == submission)
        let plain = try JobSubmission(json: Self.json(#"{"request": {"prompt": "p"}}"#))
        // What was fingerprinted before there were such fields keeps its fingerprint.
        let coder = JSONEncoder()
        coder.outputFormatting = [.sortedKeys]
        #expect(String(decoding: try coder.encode(plain), as: UTF8.self) == #"{"options":{},"request":{"prompt":"p"}}"#)
    }

    @Test("of many unknown fields ten are named and the others are counted")
    func manyUnknown() throws {
        let members = (0..<900).map { #""k\#(100 + $0)": 0"# }.joined(separator: ", ")
        let json = try Self.json(#"{"request": {}, "options": {\#(members)}}"#)
        do throws(EditRequest.Invalid) {
            _ = try JobSubmission(json: json)
            Issue.record("accepted")
        } catch {
            let options = error.fields.filter { $0.field.hasPrefix("options.") }
            #expect(options.map(\.field) == (100..<110).map { "options.k\($0)" } + ["options.…"])
            #expect(options.last?.problem.contains("890 more") == true)
        }
    }
}

@Suite("A time on the wire")
struct WireTimeTests {
    @Test("is ISO 8601 in UTC with milliseconds")
    func form() throws {
        let time = WireTime(Timestamp(rawValue: 1_795_341_600_123))
        #expect(time.text == "2026-11-22T10:00:00.123Z")
        #expect(WireTime("2026-11-22T10:00:00.123Z") == time)
        #expect(WireTime("2026-11-22T12:00:00.123+02:00") == time)
    }

    @Test("every millisecond comes back as it was")
    func roundTrip() {
        for milliseconds in stride(from: Int64(1_795_341_600_000), to: 1_795_341_601_000, by: 1) {
            let time = WireTime(Timestamp(rawValue: milliseconds))
            #expect(WireTime(time.text) == time)
        }
    }

    @Test(
        "is read in every form that ISO 8601 with a zone has",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-22T10:00:00Z", 1_795_341_600_000),
            ("2026-11-22T10:00:00.1Z", 1_795_341_600_100), ("2026-11-22T10:00:00,123456789Z", 1_795_341_600_123),
            ("2026-11-22T10:00:00+00:00", 1_795_341_600_000), ("2026-11-22T12:30:00+0230", 1_795_341_600_000),
            ("2026-11-22T05:00:00-05", 1_795_341_600_000), ("2026-11-21T10:01:00-23:59", 1_795_341_600_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999), ("2024-12-31T23:59:59Z", 1_735_689_599_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] as [(String, Int64)])
    func forms(text: String, milliseconds: Int64) {
        #expect(WireTime(text)?.timestamp.rawValue == milliseconds)
    }

    @Test(
        "is nothing else: every field is in its range, and nothing follows",
        arguments: [
            "", "now", "2026-11-22", "10:00", "1795341600", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z",
            "2026-13-22T10:00:00Z", "2026-00-22T10:00:00Z", "2026-11-31T10:00:00Z", "2026-02-29T10:00:00Z",
            "2100-02-29T10:00:00Z", "2026-11-00T10:00:00Z", "2026-11-27T24:00:00Z", "2026-11-27T99:00:00Z",
            "2026-11-27T10:60:00Z", "2026-11-27T10:99:00Z", "2026-11-27T10:00:61Z", "2026-12-31T23:59:60Z",
            "2026-11-27T10:00:00+24:00", "2026-11-27T10:00:00+01:60", "2026-11-27T10:00:00+1",
            "2026-11-27T10:00:00+01:",
            "2026-11-27T10:00:00Z tomorrow", "2026-11-27T10:00:00ZZ", "2026-11-27T10:00:00+01:00Z",
            "2026-11-27T10:00:00Z ",
            " 2026-11-27T10:00:00Z", "2026-11-27T10:00:00.Z", "2026-11-27T10:00:00.1234567890Z",
            "2026-11-27T10:00:00.1 Z",
            "2026-11-27T1:00:00Z", "26-11-27T10:00:00Z", "+2026-11-27T10:00:00Z", "2026-11-27T-1:00:00Z",
            "2026-11-27T10:00Z", "٢٠٢٦-11-27T10:00:00Z", "1969-12-31T23:59:59Z", "20261127T100000Z",
            "9999-12-31T23:59:59-00:01", "1970-01-01T00:00:00+00:01",
        ])
    func wrong(_ text: String) {
        #expect(WireTime(text) == nil)
    }
}
