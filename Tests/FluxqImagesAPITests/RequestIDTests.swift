import FluxqFormats
import Testing

@testable import FluxqImagesAPI

@Suite("The request's id in an error")
struct RequestIDTests {
    @Test(
        "param is an id only if it looks like one",
        arguments: [
            ("req-9", true), ("req_011CSHoEeqs5C35K2UUqR7Fy", true), ("550e8400-e29b-41d4-a716-446655440000", true),
            ("20261127071404123456", true), ("01HF3Z7Q8K9M2N4P6R8T0V1W3X", true), ("0f1e2d3c4b5a69788796a5b4", true),
            ("seed", false), ("response_format", false), ("image[0]", false), ("image_url", false), ("n", false),
            ("messages.0.content", false), ("request_id", false), ("input_image_2", false), ("size", false),
            ("", false),
            ("prompt is too long 1234567890", false), ("top_k1", false), ("reference_images.12", false),
        ])
    func param(text: String, isID: Bool) {
        let error = ErrorDocument(error: .object(["message": .string("m"), "param": .string(text)]))
        #expect(error?.requestID == (isID ? text : nil))
    }

    @Test(
        "an id under a name of its own is used, whatever it looks like",
        arguments: ["request_id", "requestId", "trace_id", "log_id"])
    func named(name: String) {
        let answer = JSONValue.object(["error": .string("no"), name: .string("x")])
        #expect(ErrorDocument(answer: answer)?.requestID == "x")
    }
}
