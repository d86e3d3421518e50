import FluxqControl
import FluxqControlClient
import FluxqModel
import Glibc

extension ControlClient {
    /// Uploads a picture of that many bytes and returns the value for a job's `image`.
    func upload(bytes: Int, in work: WorkDirectory) async throws -> EditRequest.Image {
        let path = work.path("input-\(bytes).png")
        try StoredPNG.write(bytes: bytes, to: path)
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw Failure("Cannot read \(path) (errno \(errno)).") }
        defer { close(descriptor) }
        let input = try await putInput(UploadSource(descriptor: descriptor, sizeBytes: Int64(bytes)))
        return EditRequest.Image(wire: input.image)
    }

    /// Waits until a job is done.
    func finished(_ id: Int64) async throws -> JobDocument {
        while true {
            let job = try await job(id, waitSeconds: Self.maxWaitSeconds).document
            if job.state == JobState.done.rawValue { return job }
            if job.state == JobState.failed.rawValue {
                throw Failure("Job \(id) failed: \(job.reason ?? "") \(job.message ?? "")")
            }
        }
    }
}
