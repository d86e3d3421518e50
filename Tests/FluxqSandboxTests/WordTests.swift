import FluxqFormats
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqSandbox

@Suite("A word in the prompt plays", .timeLimit(.minutes(30)))
struct WordTests {
    @Test("how the call ends", arguments: WordRow.outcomes)
    func outcome(_ row: WordRow) async throws { try await check(row) }

    @Test("what a good answer looks like", arguments: WordRow.answers)
    func answer(_ row: WordRow) async throws { try await check(row) }

    @Test("what happens to links and pictures", arguments: WordRow.links)
    func link(_ row: WordRow) async throws { try await check(row) }

    private func check(_ row: WordRow) async throws {
        try await SandboxClient.run { client throws in
            let size = row.words.contains("size=") || row.words.contains("bytes=") ? "" : " sandbox:size=24x16"
            let prompt = JSONValue.string("a lighthouse \(row.words)\(size)")
            let seen = try await client.order(row.fields.merging(["prompt": prompt]) { $1 })
            try await row.check(client, seen)
            let entries = try client.entries()
            #expect(entries.map(\.billed) == [row.billed != nil])
            #expect(entries.map(\.images) == [row.billed ?? 0])
            switch seen {
            case .answer(let answer): #expect(entries.map(\.status) == [answer.status])
            case .brokenOff(let status): #expect(entries.map(\.status) == [status])
            case .nothing: #expect(entries.map(\.status) == [nil])
            }
        }
    }

    @Test("every word of the table is played by a test")
    func complete() {
        // Other tests cover `stall` and `stall-after`; `times` and `until` are covered below.
        let played = (WordRow.outcomes + WordRow.answers + WordRow.links).flatMap { row in
            row.words.split(separator: " ").map { String($0.dropFirst("sandbox:".count).prefix { $0 != "=" }) }
        }
        #expect(
            Set(SandboxWord.allCases.map(\.name)).subtracting(played) == ["stall", "stall-after", "times", "until"])
    }

    @Test(
        "only as often as sandbox:times says, separately for each request",
        arguments: [
            "sandbox:429", "sandbox:reset", "sandbox:empty", "sandbox:hangup", "sandbox:not-a-picture",
        ])
    func times(word: String) async throws {
        try await SandboxClient.run { client throws in
            for seed: JSONValue in [1, 2] {
                var good: [Bool] = []
                for _ in 0..<4 {
                    let prompt = JSONValue.string("x \(word) sandbox:times=2 sandbox:size=24x16")
                    let seen = try await client.order(["prompt": prompt, "seed": seed, "response_format": "b64_json"])
                    guard case .answer(let answer) = seen, answer.status == 200 else {
                        good.append(false)
                        continue
                    }
                    let text = try answer.json().items.first?["b64_json"]?.string ?? ""
                    let bytes = Data(base64Encoded: String(text.dropFirst(WordRow.png.count))) ?? Data()
                    good.append((try? PNGFile(Array(bytes))) != nil)
                }
                #expect(good == [false, false, true, true])
            }
        }
    }

    @Test("a hang-up before the picture has been read")
    func hangup() async throws {
        try await SandboxClient.run { client throws in
            let head = #"{"model": "m", "prompt": "x sandbox:hangup", "image": ""#
            // More than the sockets of both sides can hold, so that the last byte cannot have been sent.
            guard case .nothing = await client.post(head + String(repeating: "A", count: 32 << 20) + "\"}") else {
                Issue.record("answered")
                return
            }
            let entry = try #require(try client.entries().first)
            #expect(entry.prompt == nil && entry.status == nil && !entry.billed)
        }
    }

    @Test("a hang-up as often as sandbox:times says, if the picture comes last")
    func hangupTimes() async throws {
        try await SandboxClient.run { client throws in
            let head = #"{"model": "m", "prompt": "x sandbox:hangup sandbox:times=1 sandbox:size=24x16", "image": ""#
            let body = head + SandboxClient.picture + "\"}"
            guard case .nothing = await client.post(body) else {
                Issue.record("answered the first call")
                return
            }
            #expect(try await client.post(body).answer().status == 200)
            #expect(try client.entries().map(\.billed) == [false, true])
        }
    }

    @Test("an answer that waits for a file of the sandbox's directory, and for that alone")
    func until() async throws {
        try await SandboxClient.run { client throws in
            async let waiting = client.order(["prompt": "x sandbox:until=go sandbox:size=24x16"])
            _ = try await client.entries(count: 1)
            #expect(try await client.order().answer().status == 200)
            try Data().write(to: URL(filePath: client.directory.path("sandbox/go")))
            #expect(try await waiting.answer().status == 200)
        }
        try await SandboxClient.run { client throws in
            for name in ["..", "a/b", "", String(repeating: "x", count: 65)] {
                let answer = try await client.order(["prompt": .string("x sandbox:until=\(name)")]).answer()
                #expect(answer.status == 400)
            }
        }
    }

    @Test("a stall until the client gives up, and the sandbox still works")
    func stall() async throws {
        try await SandboxClient.run { client throws in
            let waiting = Task { try await client.order(["prompt": "x sandbox:stall"]) }
            let entry = try #require(try await client.entries(count: 1).first)
            #expect(entry.billed && entry.status == nil)
            waiting.cancel()
            guard case .nothing = try await waiting.value else {
                Issue.record("answered")
                return
            }
            #expect(try await client.order().answer().status == 200)
        }
    }

    @Test(
        "nothing if the prompt only mentions a sandbox",
        arguments: [
            "a sandbox: yellow", "children in a sandbox", "Sandbox:429", "\"sandbox:429\"",
        ])
    func ordinaryPrompts(prompt: String) async throws {
        try await SandboxClient.run { client throws in
            #expect(try await client.order(["prompt": .string(prompt)]).answer().status == 200)
        }
    }

    @Test("as the table for people describes it")
    func table() {
        let table = SandboxWord.markdownTable
        for word in SandboxWord.allCases {
            #expect(table.contains("| `\(word.syntax)` | \(word.description) |"))
        }
        #expect(Set(SandboxWord.allCases.map(\.name)).count == SandboxWord.allCases.count)
    }
}
