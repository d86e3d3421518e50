import FluxqControl
import FluxqModel

/// The job that the measurements submit: an edit of a small picture whose result costs the sandbox no time.
enum SmallJob {
    static let inputBytes = 20_000

    /// 2100-01-01, for jobs that must not run during a measurement.
    private static let farFuture = Timestamp(secondsSinceEpoch: 4_102_444_800)

    static func submission(_ prompt: String, image: EditRequest.Image, runs: Bool = true) -> JobSubmission {
        var request = EditRequest.Draft()
        request.prompt = "\(prompt) sandbox:size=16x16"
        request.image = image
        return JobSubmission(request: request, options: .init(notBefore: runs ? nil : WireTime(farFuture)))
    }
}
