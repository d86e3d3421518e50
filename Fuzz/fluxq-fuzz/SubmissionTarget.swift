import FluxqModel
import Foundation

@testable import FluxqControl
@testable import FluxqFormats

/// The body of `POST /v1/jobs` gives the same result in pieces, and agrees with a decoder that reads it whole.
enum SubmissionTarget {
    static func check(_ input: [UInt8]) {
        let whole = read([input[...]])
        let dripped = read(pieces(of: input))
        expect(whole.images == dripped.images, "in pieces its pictures are what they are whole")
        expect(whole.remainder == dripped.remainder, "in pieces the rest is what it is whole")

        guard let json = JSONValue(bounded: whole.markedRemainder) else {
            // JSONDecoder guesses UTF-16 and UTF-32 from zero bytes; no other decoder does.
            if !input.contains(0) {
                expect(JSONValue(bounded: input) == nil, "what is JSON stays JSON without its picture")
            }
            return
        }
        let (submission, wrong) = JobSubmission.reading(json)
        checkPlain(input, submission, wrong, images: whole.images)
        let model = submission.request.model ?? "m"
        let catalog = ModelCatalog(
            offering: [model],
            rules: [model: .init(requiresImage: false, parameters: submission.request.parameters.keys.sorted())])
        if case .success(let request) = submission.request.validated(by: catalog, drawSeed: { 7 }) {
            expect((1...4).contains(request.imagesWanted), "no more pictures than the API gives")
            expect(request.prompt.utf8.count <= EditRequest.Bounds.promptBytes, "its prompt is bounded")
            let line = try? JSONEncoder().encode(request)
            expect(
                line.flatMap { try? JSONDecoder().decode(EditRequest.self, from: $0) } == request,
                "a request that is written and read back is the same")
        }
        if wrong.isEmpty { checkRoundTrip(submission) }
    }

    private struct Body {
        var markedRemainder: [UInt8] = []
        var remainder: [UInt8] = []
        /// The strings at `request.image`; the last may be cut.
        var images: [[UInt8]] = []
    }

    private static func read(_ pieces: [ArraySlice<UInt8>]) -> Body {
        var diverter = JSONDiverter(path: [.key("request"), .key("image")], remainderLimit: 1 << 20)
        var body = Body()
        for piece in pieces {
            guard let events = try? diverter.consume(piece) else { fatalError("no input is that long") }
            for event in events {
                switch event {
                case .begin(let ordinal):
                    expect(ordinal == body.images.count, "strings are counted")
                    body.images.append([])
                case .bytes(let bytes): body.images[body.images.count - 1] += bytes
                case .end: break
                }
            }
        }
        body.markedRemainder = diverter.remainder
        body.remainder = diverter.remainder { "\"(\($0))\"" }
        return body
    }

    /// The fields are the same if the body is read without extracting the picture.
    private static func checkPlain(
        _ input: [UInt8], _ submission: JobSubmission, _ wrong: [EditRequest.FieldError], images: [[UInt8]]
    ) {
        guard !input.contains(0), images.count <= 1, let json = JSONValue(bounded: input) else { return }
        var (plain, plainWrong) = JobSubmission.reading(json)
        if let image = images.first, plain.request.image != nil {
            expect(
                plain.request.image?.wire.utf8.elementsEqual(image) ?? false
                    || plain.request.image?.wire.hasPrefix("sha256:") == true, "its picture is what was taken out")
        }
        plain.request.image = submission.request.image
        expect(plain == submission, "its fields are the same without its picture")
        expect(plainWrong == wrong, "and so is what is wrong with them")
    }

    private static func checkRoundTrip(_ submission: JobSubmission) {
        guard let line = try? JSONEncoder().encode(submission), let json = JSONValue(bounded: Array(line)) else {
            fatalError("does not hold: a submission can be written and read")
        }
        let (again, wrong) = JobSubmission.reading(json)
        expect(
            wrong.isEmpty && again == submission,
            "a submission that is written and read back is the same: \(submission), \(again)")
    }
}
