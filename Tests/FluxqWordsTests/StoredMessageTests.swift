import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqWords

@Suite("Messages as the database keeps them")
struct StoredMessageTests {
    /// The JSON of a message must not change: databases hold it. Each row is a message, its JSON and its words.
    struct Row: Sendable {
        let json: String
        let words: String
        let read: @Sendable (String) -> (json: String, words: String)

        init<Code: WordedCode & Hashable & Codable & Sendable>(
            _ message: StoredMessage<Code>, _ json: String, _ words: String
        ) {
            self.json = json
            self.words = words
            #expect(message.json == json)
            #expect(message.words == words)
            read = { text in
                let message = StoredMessage<Code>(json: text)
                return (message.json, message.words)
            }
        }
    }

    private static let refused = CallFailure.rejected(error: APIError(status: 400, message: "no"))
    private static let settlement = Settlement(
        wanted: 3, saved: 1, lost: 1, unusable: 1, defect: .code(.stoppedWhileReceiving),
        remarks: [
            .init(index: 1, about: .flaw, message: "ends without its end mark"),
            .init(index: 2, about: .lost, message: "HTTP 404."),
            .init(index: 3, about: .unusable(isKept: true), message: .code(.inlineIsNotBase64)),
        ])
    private static let settled = """
        {"defect":{"stoppedWhileReceiving":{}},"lost":1,"moreRemarks":0,"remarks":[\
        {"about":{"flaw":{}},"index":1,"message":"ends without its end mark"},\
        {"about":{"lost":{}},"index":2,"message":"HTTP 404."},\
        {"about":{"unusable":{"isKept":true}},"index":3,"message":{"inlineIsNotBase64":{}}}],\
        "saved":1,"unusable":1,"wanted":3}
        """
    private static let remarks = """
        Picture 1 ends without its end mark. HTTP 404. Picture 3 cannot be used, but is kept and can be fetched: The \
        inline picture is not base64.
        """
    private static let resend = "fluxq will not resend it automatically. To resend it: fluxq retry ID"

    private static var calls: [Row] {
        [
            Row(CallTrouble.said("HTTP 503"), #""HTTP 503""#, "HTTP 503"),
            Row(
                CallTrouble.code(.stoppedWhileWaiting), #"{"stoppedWhileWaiting":{}}"#,
                "fluxqd was stopped while it waited for the answer."),
            Row(
                CallTrouble.code(.stoppedWhileReceiving), #"{"stoppedWhileReceiving":{}}"#,
                "fluxqd was stopped while it received the answer."),
            Row(
                CallTrouble.code(.noEndpoint(named: "spare")), #"{"noEndpoint":{"named":"spare"}}"#,
                "fluxqd has no endpoint named spare any more."),
            Row(
                CallTrouble.code(.damagedInput), #"{"damagedInput":{}}"#,
                "the picture that the job edits is damaged in the archive and was moved to quarantine. Submit the job "
                    + "again with the picture."),
            Row(
                CallTrouble.code(.unreadableInput(why: "EIO")), #"{"unreadableInput":{"why":"EIO"}}"#,
                "fluxqd could not read the job's picture: EIO"),
            Row(
                CallTrouble.code(.notSentInFull(because: "Reset.")), #"{"notSentInFull":{"because":"Reset."}}"#,
                "Reset. The request had not been sent in full, so nothing was billed."),
            Row(
                CallTrouble.code(.noUsablePicture), #"{"noUsablePicture":{}}"#,
                "The API answers without a usable picture."),
            Row(
                HoldMessage.code(.call(trouble: "no money")), #"{"call":{"trouble":"no money"}}"#, "no money"),
            Row(
                HoldMessage.code(.failing(calls: 3, last: "HTTP 500")), #"{"failing":{"calls":3,"last":"HTTP 500"}}"#,
                "3 calls in a row have failed, the last one with: HTTP 500"),
            Row(
                HoldMessage.code(.undelivered(trouble: .code(.notDelivered))),
                #"{"undelivered":{"trouble":{"notDelivered":{}}}}"#, "Its host does not deliver it."),
        ]
    }

    private static var failures: [Row] {
        func failed(_ call: CallFailure, _ json: String, _ words: String) -> Row {
            Row(FailureMessage.code(.failed(call: call)), #"{"failed":{"call":\#(json)}}"#, words)
        }
        return [
            failed(
                .noPicture(said: ["a", "b"]), #"{"noPicture":{"said":["a","b"]}}"#,
                "The API answered without a picture: a; b. The call was billed. The job's ledger has the answer; a "
                    + "retry buys it again."),
            failed(
                .unsendable(error: APIError(message: "too large")),
                #"{"unsendable":{"error":{"message":"too large"}}}"#,
                "The request could not be sent: too large. Nothing was billed."),
            failed(
                refused, #"{"rejected":{"error":{"message":"no","status":400}}}"#,
                "The API rejected the request: no. Nothing was billed. Correct that, then submit it again."),
            failed(
                .moderated(error: APIError(status: 400, code: "c", type: "t", message: "no!", requestID: "r")),
                #"{"moderated":{"error":{"code":"c","message":"no!","requestID":"r","status":400,"type":"t"}}}"#,
                "The API's content filter rejected the prompt or the picture: no! Nothing was billed."),
            Row(
                FailureMessage.code(.gaveUp(attempts: 5, last: .serverError(error: APIError(message: "HTTP 500")))),
                #"{"gaveUp":{"attempts":5,"last":{"serverError":{"error":{"message":"HTTP 500"}}}}}"#,
                "Gave up after 5 failed attempts; the last one was not billed: HTTP 500."),
            Row(
                FailureMessage.code(.gaveUp(attempts: 5, last: .hostFailed(trouble: .code(.noEndpoint(named: "e"))))),
                #"{"gaveUp":{"attempts":5,"last":{"hostFailed":{"trouble":{"noEndpoint":{"named":"e"}}}}}}"#,
                "Gave up after 5 failed attempts; the last one was not billed: fluxqd has no endpoint named e any more."
            ),
            Row(
                FailureMessage.code(.refusedAlone(times: 4, last: nil)), #"{"refusedAlone":{"times":4}}"#,
                "Gave up after 4 refusals, while other users' calls succeeded; none was billed: The API rejects this job, "
                    + "but not those of other users: it gave no reason"),
            Row(
                FailureMessage.code(
                    .outcomeUnknown(call: .unknown(error: APIError(message: "Reset.")), wasResent: false)),
                #"{"outcomeUnknown":{"call":{"unknown":{"error":{"message":"Reset."}}},"wasResent":false}}"#,
                "The result of the call is unknown; it may have been billed: Reset. \(resend)"),
            Row(
                FailureMessage.code(
                    .outcomeUnknown(call: .unknown(error: APIError(message: "Reset.")), wasResent: true)),
                #"{"outcomeUnknown":{"call":{"unknown":{"error":{"message":"Reset."}}},"wasResent":true}}"#,
                "The result of the call is unknown; it may have been billed: Reset. fluxq resent it as often as allowed "
                    + "(--on-unknown retry); earlier calls may have been billed too."),
            Row(
                FailureMessage.code(.restored(backedUpAt: Timestamp(rawValue: 1_750_000_000_000))),
                #"{"restored":{"backedUpAt":1750000000000}}"#,
                "fluxqd was restored from a backup of 2025-06-15T15:06:40Z, when this job was queued. It may have been "
                    + "called and billed since. \(resend)"),
            Row(
                FailureMessage.code(.canceledBeforeCall), #"{"canceledBeforeCall":{}}"#,
                "Canceled before the API was called; nothing was billed."),
            Row(
                FailureMessage.code(.abandoned(seconds: 60)), #"{"abandoned":{"seconds":60}}"#,
                "Canceled before the API was called, because its client disconnected and did not ask again within 60 s; "
                    + "nothing was billed. Send the request again."),
            Row(
                FailureMessage.code(.canceledUnbilled), #"{"canceledUnbilled":{}}"#,
                "Canceled. The call did not succeed and was not billed."),
            Row(
                FailureMessage.code(.canceledDuringCall(call: refused)),
                #"{"canceledDuringCall":{"call":{"rejected":{"error":{"message":"no","status":400}}}}}"#,
                "Canceled while it was running. The API rejected the request: no. Nothing was billed. Correct that, then "
                    + "submit it again."),
        ]
    }

    private static var settlements: [Row] {
        [
            Row(
                FailureMessage.code(.canceledDuringDownload(settlement: settlement)),
                #"{"canceledDuringDownload":{"settlement":\#(settled)}}"#,
                "Canceled while it was running; the paid pictures (1 of 3) can be fetched. \(remarks)"),
            Row(
                FailureMessage.code(.picturesLost(settlement: settlement)),
                #"{"picturesLost":{"settlement":\#(settled)}}"#,
                "1 of 3 pictures could not be saved: \(remarks) 1 can be fetched. The answer was cut off: fluxqd was "
                    + "stopped while it received the answer. A retry buys all of them again."),
            Row(
                FailureMessage.code(.noUsablePicture(settlement: settlement)),
                #"{"noUsablePicture":{"settlement":\#(settled)}}"#,
                "The API answered, but sent no complete picture of a known format. The answer was cut off: fluxqd was "
                    + "stopped while it received the answer. \(remarks) The call was billed, and a retry buys it again."
            ),
            Row(
                WarningMessage.code(.settled(settlement: settlement)), #"{"settled":{"settlement":\#(settled)}}"#,
                "1 of 3 pictures came; the answer was cut off: fluxqd was stopped while it received the answer. "
                    + remarks),
        ]
    }

    private static var pictures: [Row] {
        [
            Row(
                PictureTrouble.code(.downloaded(fault: .notAPicture(looksLike: "HTML"), packing: nil)),
                #"{"downloaded":{"fault":{"notAPicture":{"looksLike":"HTML"}}}}"#,
                "The downloaded file is HTML, not a picture."),
            Row(
                PictureTrouble.code(
                    .downloaded(fault: .notAPicture(looksLike: "unknown bytes"), packing: .coding(name: "br"))),
                #"{"downloaded":{"fault":{"notAPicture":{"looksLike":"unknown bytes"}},"packing":{"coding":{"name":"br"}}}}"#,
                "The downloaded file is no picture that fluxq knows (PNG, JPEG, WebP, GIF or AVIF). It came with "
                    + "Content-Encoding: br."),
            Row(
                PictureTrouble.code(.downloaded(fault: .incomplete(format: "avif"), packing: .damaged)),
                #"{"downloaded":{"fault":{"incomplete":{"format":"avif"}},"packing":{"damaged":{}}}}"#,
                "The downloaded file is an AVIF that ends early. Its compression is damaged."),
            Row(
                PictureTrouble.code(
                    .downloaded(fault: .notAPicture(looksLike: "text"), packing: .tooLarge(limit: 9))),
                #"{"downloaded":{"fault":{"notAPicture":{"looksLike":"text"}},"packing":{"tooLarge":{"limit":9}}}}"#,
                "The downloaded file is text, not a picture. Uncompressed it is larger than downloads.max_bytes, 9 bytes."
            ),
            Row(
                PictureTrouble.code(.inline(fault: .corrupt(format: "png", how: "it holds no picture data"))),
                #"{"inline":{"fault":{"corrupt":{"format":"png","how":"it holds no picture data"}}}}"#,
                "The inline picture is a damaged PNG: it holds no picture data."),
            Row(
                PictureTrouble.code(.inline(fault: .incomplete(format: "jxl"))),
                #"{"inline":{"fault":{"incomplete":{"format":"jxl"}}}}"#,
                "The inline picture is an incomplete picture (jxl)."),
            Row(
                PictureTrouble.code(.inlineIsNotBase64), #"{"inlineIsNotBase64":{}}"#,
                "The inline picture is not base64."),
            Row(
                PictureTrouble.code(.inlineLost), #"{"inlineLost":{}}"#,
                "The API sent it inline, and the host went down before it was on disk."),
            Row(
                PictureTrouble.code(.nothingSent), #"{"nothingSent":{}}"#,
                "The API sent neither a link nor a picture."),
            Row(
                PictureTrouble.code(.noLinkLeft), #"{"noLinkLeft":{}}"#,
                "There is no link left to download it from again."),
            Row(PictureTrouble.code(.notDelivered), #"{"notDelivered":{}}"#, "Its host does not deliver it."),
            Row(
                PictureTrouble.code(.gone(last: "HTTP 404.", before: "HTTP 503.")),
                #"{"gone":{"before":"HTTP 503.","last":"HTTP 404."}}"#, "HTTP 404. Before that: HTTP 503."),
        ]
    }

    @Test("every code has its JSON and its words, and is read as it was written")
    func codes() {
        for row in Self.calls + Self.failures + Self.settlements + Self.pictures {
            let read = row.read(row.json)
            #expect(read.json == row.json && read.words == row.words)
        }
    }

    @Test(
        "what this version does not know is a message too",
        arguments: [
            (
                #"{"stolen":{"by":"a fox"}}"#,
                #"A newer fluxqd recorded the reason "stolen", which this one does not know."#
            ),
            (
                #"{"gaveUp":{"because":"it was late"}}"#,
                #"A newer fluxqd recorded the reason "gaveUp", which this one does not know."#
            ),
            ("7", #"A newer fluxqd recorded the reason "?", which this one does not know."#),
            ("Gave up.", "Gave up."), ("", ""),
        ])
    func foreign(json: String, words: String) {
        #expect(FailureMessage(json: json).words == words)
    }

    @Test("a part that this version does not know leaves the rest of the message as it is")
    func foreignPart() {
        let json = #"{"gaveUp":{"attempts":5,"last":{"hostFailed":{"trouble":{"eaten":{}}}}}}"#
        #expect(
            FailureMessage(json: json).words == """
                Gave up after 5 failed attempts; the last one was not billed: A newer fluxqd recorded the reason "eaten", \
                which this one does not know.
                """)
    }
}
