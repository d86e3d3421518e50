import FluxqHost
package import FluxqSandbox
import Glibc
import Logging
import NIOPosix

/// The images API of a proof: the stand-in in the proof's own process. Its ledger and its links outlive every daemon,
/// like the real API's.
package struct ProofAPI: Sendable {
    private let sandbox: Sandbox

    /// - Parameters:
    /// - directory: for the ledger and the links' secret; created if it is missing.
    ///   - latency: the duration of a call that is billed.
    package static func start(directory: String, latency: Duration = .zero) async throws -> ProofAPI {
        var logger = Logger(label: "api")
        // Broken connections of killed daemons are expected here, so they are not logged.
        logger.logLevel = .critical
        return ProofAPI(
            sandbox: try await Sandbox.start(.init(directory: directory, latency: latency), logger: logger))
    }

    /// Ends every call and stops serving every link.
    package func shutdown() async {
        await sandbox.shutdown()
    }

    /// The variables that direct a daemon to this API.
    package var environment: [String: String] {
        [
            "FLUXQ_API_BASE_URL": sandbox.baseURL, "FLUXQ_API_KEY": "proof",
            "FLUXQ_DOWNLOADS_TRUSTED_HOSTS": "127.0.0.1:\(sandbox.port)",
        ]
    }

    /// Every call that has reached the API so far, with the amount that it would have billed.
    package func ledger() async throws -> [SandboxLedger.Entry] {
        try await NIOThreadPool.singleton.runIfActive { [sandbox] in try sandbox.ledger.entries() }
    }

    /// Empties the ledger, for proofs that start over many times.
    package func forgetCalls() throws {
        guard truncate(sandbox.ledger.path, 0) == 0 else {
            throw ProofFailure("\(SystemError("Cannot empty \(sandbox.ledger.path)"))")
        }
    }
}
