import Foundation

/// The checkout that the tests were built from.
enum Repository {
    static let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// Programs that measure or test fluxq and are no part of it.
    static let tools: Set<String> = [
        "FluxqDiskFaults", "FluxqProofKit", "SystemCallShim", "SystemCallShimInterface", "archive-probe",
        "attacktest", "crashtest", "faulttest", "fluxq-bench", "fluxq-simtest", "powertest", "sandbox-server",
    ]

    static func text(_ name: String) throws -> String {
        try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
    }
}
