import FluxqControl
import FluxqControlClient
import FluxqModel
import FluxqProofKit
import FluxqSandbox
import Foundation

/// One client's sequence of requests to the daemon. A step whose acknowledgement was lost in a crash is repeated in the
/// next life, as a user would repeat it.
struct Errand: Sendable {
    enum Picture: Sendable {
        /// The picture is uploaded first.
        case upload(file: String)
        /// The picture is part of the submit.
        case inline(base64: String)
        case link
    }

    enum Wish: Sendable {
        case nothing
        /// Cancels as soon as the submit is acknowledged.
        case cancel
        /// Retries once the job has failed.
        case retry
    }

    let picture: Picture
    let words: String
    let n: Int?
    let format: EditRequest.ResponseFormat?
    /// Without a key, a submit that was not acknowledged is not repeated: the client cannot know whether it created a
    /// job.
    let key: String?
    let wish: Wish
    private(set) var job: SubmittedJob
    /// The uploaded input, once the upload is acknowledged.
    private var input: EditRequest.Image?
    private var isOver = false

    init(
        name: String, picture: Picture, words: String, n: Int?, format: EditRequest.ResponseFormat?, isKeyed: Bool,
        onUnknown: OnUnknown, wish: Wish
    ) {
        self.picture = picture
        self.words = words
        self.n = n
        self.format = format
        key = isKeyed ? name : nil
        self.wish = wish
        job = SubmittedJob(prompt: "\(name) sandbox:size=16x16 \(words)", onUnknown: onUnknown)
    }

    /// Resumes at the current step.
    ///
    /// - Throws: `ControlClientError` if the daemon goes away; `ProofFailure` if it breaks a promise.
    mutating func go(_ client: ControlClient) async throws {
        if isOver { return }
        if job.acknowledged == nil {
            // A submit without a key is tried once.
            if key == nil { isOver = true }
            try await submit(client)
        }
        switch wish {
        case .nothing: break
        case .cancel: try await cancel(client)
        case .retry: try await retry(client)
        }
        isOver = true
    }

    /// Submits again under the same key, which must return the same job.
    mutating func submitAgain(_ client: ControlClient) async throws {
        if key != nil, job.acknowledged != nil { try await submit(client) }
    }

    private mutating func submit(_ client: ControlClient) async throws {
        var request = EditRequest.Draft()
        request.prompt = job.prompt
        request.image = try await image(client)
        request.n = n
        request.responseFormat = format
        let options = JobSubmission.Options(
            onUnknown: job.onUnknown == .fail ? nil : job.onUnknown, key: key)
        let id = try await client.submit(JobSubmission(request: request, options: options)).document.id
        if let before = job.acknowledged, before != id {
            throw ProofFailure("the key \(key ?? "") was job \(before), and now is job \(id)")
        }
        job.acknowledged = id
    }

    private mutating func image(_ client: ControlClient) async throws -> EditRequest.Image {
        switch picture {
        case .link: return .link("https://example.com/photograph.jpg")
        case .inline(let base64): return .link("data:image/jpeg;base64,\(base64)")
        case .upload(let file):
            if let input { return input }
            let uploaded = try await client.upload(file)
            input = uploaded
            return uploaded
        }
    }

    private mutating func cancel(_ client: ControlClient) async throws {
        guard let id = job.acknowledged else { return }
        do {
            _ = try await client.cancel(id)
            job.isCancelAcknowledged = true
        } catch ControlClientError.problem(let problem) where problem.status == 409 {
            // The job had already ended.
        }
    }

    private mutating func retry(_ client: ControlClient) async throws {
        guard let id = job.acknowledged else { return }
        var state = ""
        repeat {
            state = try await client.job(id, waitSeconds: ControlClient.maxWaitSeconds).document.state
        } while ![JobState.done, .failed].map(\.rawValue).contains(state)
        guard state == JobState.failed.rawValue else { return }
        job.retriesAsked += 1
        do {
            _ = try await client.retry(id)
        } catch ControlClientError.problem(let problem) where problem.status == 409 {
            // An earlier request, whose acknowledgement was lost, has been granted meanwhile.
        }
    }
}

extension ControlClient {
    /// Uploads a file and returns the value for a job's `image`.
    func upload(_ path: String) async throws -> EditRequest.Image {
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? file.close() }
        let size = Int64(try file.seekToEnd())
        try file.seek(toOffset: 0)
        return EditRequest.Image(
            wire: try await putInput(UploadSource(descriptor: file.fileDescriptor, sizeBytes: size)).image)
    }
}
