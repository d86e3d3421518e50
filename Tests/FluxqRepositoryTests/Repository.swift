/// The parts of this repository.
enum Repository {
    /// Programs that measure or test fluxq and are no part of it.
    static let tools: Set<String> = [
        "FluxqDiskFaults", "FluxqProofKit", "SystemCallShim", "SystemCallShimInterface", "archive-probe",
        "attacktest", "crashtest", "faulttest", "fluxq-bench", "fluxq-simtest", "powertest",
    ]
}
