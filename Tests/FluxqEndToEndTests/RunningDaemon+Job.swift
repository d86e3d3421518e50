import FluxqControl
import FluxqTestSupport
import Foundation

extension RunningDaemon {
    /// A job as `fluxq status --json` shows it.
    func job(_ id: Int) async throws -> JobDocument {
        let status = try await fluxq("status", "--json", "\(id)")
        return try JSONDecoder().decode(JobDocument.self, from: Data(status.output.utf8))
    }
}
