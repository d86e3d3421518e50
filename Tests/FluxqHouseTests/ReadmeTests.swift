import FluxqSandbox
import FluxqTestSupport
import Testing

@Suite("The README")
struct ReadmeTests {
    @Test("lists every word that the sandbox plays")
    func sandboxWords() throws {
        #expect(try RepositoryFile.text("README.md").contains(SandboxWord.markdownTable))
    }
}
