import FluxqSandbox
import Testing

@Suite("The README")
struct ReadmeTests {
    @Test("lists every word that the sandbox plays")
    func sandboxWords() throws {
        #expect(try Repository.text("README.md").contains(SandboxWord.markdownTable))
    }
}
