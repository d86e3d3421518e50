import FluxqControl

/// Bounds of the control interface that nobody configures.
enum Limits {
    /// Of a request's line and header fields together, and how many fields.
    static let headerBytes = 16 << 10
    static let headerFields = 100
    /// Of the body of `POST /v1/jobs` besides its picture: the longest prompt fits, with every character escaped.
    static let submissionBytes = 256 << 10
    /// What it may consist of; it has about fifteen fields.
    static let submissionValues = 1000
    /// How much of a body that is refused is still read, so that its sender gets to read why.
    static let drainedBytes = 64 << 20
    /// A piece of a picture on its way out.
    static let pieceBytes = 256 << 10
    static let jobsPerPage = 1...Int64(JobPage.mostJobs)
    static let jobsPerPageByDefault = 50
    /// Of the requests and errors on one page, as JSON: as much as one job with the longest prompts has, so that no
    /// page costs more.
    static let pageTextBytes = 128 << 10
    /// Jobs of others in a list of all.
    static let othersJobs = 1000
    /// Of the body of `POST /v1/jobs/forget`: a thousand of the longest numbers fit.
    static let forgetRequestBytes = 64 << 10
    /// Jobs that one request forgets; the client asks again for more.
    static let forgottenAtOnce = 500
    static let waitSeconds: ClosedRange<Int64> = 0...300
    /// Events that are read from the store at once.
    static let eventsPerRead = 500
}
