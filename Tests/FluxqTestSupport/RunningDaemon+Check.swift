import Foundation

extension RunningDaemon {
    /// The result of `fluxqd check --json` for a state directory.
    package struct Check: Sendable {
        package struct Finding: Decodable, Sendable {
            package let kind: String
            package let message: String
            package let hash: String?
            package let repair: String?
        }

        package let end: ChildProcess.End
        package let findings: [Finding]
        package let errors: String

        /// True if nothing is damaged and nothing is left over.
        package var isClean: Bool { end == .exit(0) && findings.isEmpty }
    }

    private struct Report: Decodable {
        let findings: [Check.Finding]
    }

    /// Runs `fluxqd check` on this daemon's state, whether the daemon runs or not.
    ///
    /// - Parameter arguments: arguments such as `--repair`.
    package func check(_ arguments: String...) async throws -> Check {
        let process = try ChildProcess(
            Self.executable("fluxqd"), ["check", "--json", "--state-directory", directory.path("state")] + arguments,
            environment: Self.baseEnvironment, directory: directory.path)
        let end = await process.wait()
        let report = try? JSONDecoder().decode(Report.self, from: Data(process.output.utf8))
        return Check(end: end, findings: report?.findings ?? [], errors: process.errors)
    }
}
