import FluxqTestSupport
import Testing

@testable import FluxqModel

@Suite("The architecture page")
struct ArchitectureDocumentTests {
    @Test("names every state, outcome and hold")
    func words() throws {
        let text = try RepositoryFile.text("docs/architecture.md")
        let words =
            JobState.allCases.map(\.rawValue) + Phase.allCases.map(\.rawValue) + FailureReason.allCases.map(\.rawValue)
            + Waiting.allCases.map(\.rawValue) + CallOutcome.Kind.allCases.map(\.rawValue)
        for word in words { #expect(text.contains("`\(word)`"), "\(word)") }
        let holds = text.split(separator: "\n").compactMap { line in
            line.prefixMatch(of: #/\| `([a-z_]+)` \| (?:an?|three|pictures) /#).map { String($0.1) }
        }
        #expect(Set(holds) == Set(LaneGate.HoldCause.allCases.map(\.rawValue)))
    }
}
