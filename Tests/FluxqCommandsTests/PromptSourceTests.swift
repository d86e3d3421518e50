import FluxqControl
import FluxqHost
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqCommands

@Suite("Where the prompt comes from")
struct PromptSourceTests {
    @Test("the argument, a file, or standard input")
    func sources() {
        #expect(PromptSource(argument: "p", file: nil) == .text("p"))
        #expect(PromptSource(argument: "-", file: nil) == .standardInput)
        #expect(PromptSource(argument: nil, file: BytePath("-")) == .standardInput)
        #expect(PromptSource(argument: nil, file: BytePath("f")) == .file(BytePath("f")))
        #expect(PromptSource(argument: nil, file: nil) == nil)
        #expect(PromptSource(argument: "p", file: BytePath("f")) == nil)
    }

    @Test(
        "a file's byte order mark and line ends are not part of the prompt",
        arguments: [
            ("Make it rain\n", "Make it rain"), ("Make it rain", "Make it rain"), ("\u{FEFF}rain\r\n", "rain"),
            ("one\r\ntwo\r\n\r\n", "one\ntwo"), ("  indented\n\n more \n", "  indented\n\n more "), ("", ""),
            ("- a\n- b\n", "- a\n- b"),
        ])
    func marks(content: String, prompt: String) throws {
        #expect(try PromptSource.prompt(in: Array(content.utf8), "f") == prompt)
    }

    @Test("a file that is not UTF-8 is refused, with a command that converts it")
    func encodings() {
        let wrong: [([UInt8], String)] = [
            ([0x46, 0xFC], "iconv -f latin1"), ([0xFF, 0xFE, 0x46, 0], "iconv -f utf-16"),
            ([0xFE, 0xFF, 0, 0x46], "iconv -f utf-16"),
        ]
        for (bytes, command) in wrong {
            let error = #expect(throws: CommandFailure.self) { try PromptSource.prompt(in: bytes, "f") }
            #expect(error?.status == .badInput && error?.detail.contains(command) == true)
        }
    }

    @Test("a file that is missing, a directory or too long is reported")
    func unreadable() async throws {
        let directory = try TemporaryDirectory()
        let long = directory.path("long")
        try Data(repeating: 0x61, count: 100_000).write(to: URL(filePath: long))
        let console = Console(json: false)
        for (path, status) in [
            (directory.path("none"), FluxqCommands.ExitStatus.noInput), (directory.path, .noInput), (long, .badInput),
        ] {
            let error = await #expect(throws: CommandFailure.self) {
                _ = try await PromptSource.file(BytePath(path)).read(console)
            }
            #expect(error?.status == status)
        }
    }
}
