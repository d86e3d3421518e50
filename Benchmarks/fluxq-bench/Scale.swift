/// The extent of the measurements.
struct Scale: Sendable {
    /// The duration of the measurement for each number of clients.
    var submitSeconds: Int
    var latencyJobs: Int
    var throughputJobs: Int
    var statusRuns: Int
    /// The numbers of jobs in the store for which claims and queries are timed.
    var storeJobs: [Int]
    var storeSamples: Int
    var syncs: Int

    static let full = Scale(
        submitSeconds: 10, latencyJobs: 500, throughputJobs: 2000, statusRuns: 50, storeJobs: [1000, 1_000_000],
        storeSamples: 200, syncs: 2000)
    static let quick = Scale(
        submitSeconds: 2, latencyJobs: 50, throughputJobs: 200, statusRuns: 20, storeJobs: [1000, 20_000],
        storeSamples: 50, syncs: 200)
}
