import Testing

@testable import FluxqHost

@Suite("The options of fluxqd and fluxq-sandbox")
struct OptionTests {
    @Test(
        "each is given once",
        arguments: [
            (["--config", "a", "--config", "b"], "--config"), (["--socket=a", "--socket", "a"], "--socket"),
            (["backup", "--state-directory", "a", "d", "--state-directory=b"], "--state-directory"),
            (["--config", "a", "--socket", "a"], nil), (["backup", "--", "--quick", "--quick"], nil), ([], nil),
        ] as [([String], String?)])
    func once(words: [String], option: String?) {
        #expect(ProgramArguments.optionGivenTwice(words) == option)
    }
}
