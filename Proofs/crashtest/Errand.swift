import FluxqControl
import FluxqControlClient
import FluxqModel
import FluxqProofKit
import FluxqSandbox
import Foundation

/// What one client wants of the daemon, step by step. A step whose acknowledgement a crash swallowed is taken again in the
/// next life, as a user would.
struct Errand: Sendable {
    enum Picture: Sendable {
        /// Uploaded first.
        case upload(file: String)
        /// Sent along with the submit.
        case inline(base64: String)
        case link
    }

    enum Wish: Sendable {
        case nothing
        /// As soon as the submit is acknowledged.
        case cancel
        /// Once it has failed.
        case retry
    }

    let picture: Picture
    let words: String
    let n: Int?
    let format: EditRequest.ResponseFormat?
    /// Without one a submit that was not acknowledged is not repeated: the client could not know whether it made a job.
    let key: String?
    let wish: Wish
    private(set) var job: SubmittedJob
    /// The uploaded input, once acknowledged.
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

    /// Continues where it is.
    ///
    /// - Throws: `ControlClientError` where the daemon goes away; `ProofFailure` where it breaks its word.
    mutating func go(_ client: ControlClient) async throws {
        if isOver { return }
        if job.acknowledged == nil {
            // Unkeyed, it is tried once.
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

    /// Submits once more under the same key, which must lead to the same job.
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
            // It was over before.
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
            // An earlier wish, whose acknowledgement was lost, has been granted meanwhile.
        }
    }
}

extension ControlClient {
    /// Uploads a file and returns what a job's `image` takes.
    func upload(_ path: String) async throws -> EditRequest.Image {
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        defer { try? file.close() }
        let size = Int64(try file.seekToEnd())
        try file.seek(toOffset: 0)
        return EditRequest.Image(
            wire: try await putInput(UploadSource(descriptor: file.fileDescriptor, sizeBytes: size)).image)
    }
}
