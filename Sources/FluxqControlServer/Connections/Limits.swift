import FluxqControl

/// Limits of the control interface that cannot be configured.
enum Limits {
    /// For a request's line and header fields together, and for the number of fields.
    static let headerBytes = 16 << 10
    static let headerFields = 100
    /// For the body of `POST /v1/jobs` without its picture: the longest prompt fits, even with every character escaped.
    static let submissionBytes = 256 << 10
    /// Maximum number of values in it; it has about fifteen fields.
    static let submissionValues = 1000
    /// How much of a refused body is still read, so that its sender can read the reason.
    static let drainedBytes = 64 << 20
    /// The size of the pieces in which a picture is sent.
    static let pieceBytes = 256 << 10
    static let jobsPerPage = 1...Int64(JobPage.mostJobs)
    static let jobsPerPageByDefault = 50
    /// For the requests and errors on one page, as JSON: as much as one job with the longest prompts has, so that no
    /// page costs more.
    static let pageTextBytes = 128 << 10
    /// Maximum number of other users' jobs in a list of all.
    static let othersJobs = 1000
    /// For the body of `POST /v1/jobs/forget`: a thousand of the longest numbers fit.
    static let forgetRequestBytes = 64 << 10
    /// Jobs deleted by one request; the client asks again for more.
    static let forgottenAtOnce = 500
    static let waitSeconds: ClosedRange<Int64> = 0...300
    /// Events read from the store at once.
    static let eventsPerRead = 500
}
