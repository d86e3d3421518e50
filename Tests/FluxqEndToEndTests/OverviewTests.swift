import FluxqTestSupport
import Foundation
import Testing

@Suite("The overview of fluxq status", .timeLimit(.minutes(30)))
struct OverviewTests {
    @Test("shows every waiting job, even if few with such long prompts fit on a page")
    func longPrompts() async throws {
        let daemon = try await RunningDaemon()
        let prompt = String(repeating: "\"", count: 32_700)
        for _ in 0..<4 {
            let submitted = try await daemon.run(
                ["submit", "--image", "-", "--at", "2100-01-01T00:00:00Z", "--negative-prompt", prompt, prompt],
                input: SamplePictures.png.bytes)
            #expect(submitted.end == .exit(0), "\(submitted.errors)")
        }
        struct Overview: Decodable {
            struct Job: Decodable { let id: Int }
            let queued: [Job]
        }
        let status = try await daemon.run(["status", "--json"])
        let overview = try JSONDecoder().decode(Overview.self, from: Data(status.output.utf8))
        #expect(overview.queued.map(\.id) == [4, 3, 2, 1])
        #expect(await daemon.stop() == .exit(0))
    }
}
