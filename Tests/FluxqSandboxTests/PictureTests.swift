import FluxqFormats
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqSandbox

@Suite("The sandbox's pictures", .timeLimit(.minutes(30)))
struct PictureTests {
    @Test("are whole PNG files of 1024 by 1024 pixels with many colours")
    func usual() async throws {
        try await SandboxClient.run { client throws in
            let bytes = try #require(try await client.pictures(["prompt": "a lighthouse"]).first)
            let picture = try PNGFile(bytes)
            #expect(picture.width == 1024 && picture.height == 1024)
            #expect(Set(picture.pixels).count > 50)
            #expect(bytes.count < 1_500_000)
        }
    }

    @Test("have the size that a word asks for", arguments: [(1, 1), (1, 300), (300, 1), (257, 129), (4096, 3)])
    func sized(width: Int, height: Int) async throws {
        try await SandboxClient.run { client throws in
            let bytes = try await client.pictures(["prompt": .string("x sandbox:size=\(width)x\(height)")])
            let picture = try PNGFile(try #require(bytes.first))
            #expect(picture.width == width && picture.height == height)
            #expect(picture.pixels.count == width * height)
        }
    }

    @Test("have the file length that a word asks for", arguments: [4000, 70_000, 200_001, 2_000_003])
    func long(length: Int) async throws {
        try await SandboxClient.run { client throws in
            let bytes = try #require(try await client.pictures(["prompt": .string("x sandbox:bytes=\(length)")]).first)
            #expect(bytes.count == length)
            #expect(try PNGFile(bytes).chunkTypes.contains("fxPd"))
        }
    }

    @Test("are the same for the same request and seed, however they are asked for")
    func deterministic() async throws {
        try await SandboxClient.run { client throws in
            let one = try await client.pictures(["n": 2])
            #expect(try await client.pictures(["n": 2]) == one)
            #expect(try await client.pictures([:]) == [one[0]])
            #expect(try await client.pictures(["strength": 0.8, "steps": 20, "guidance_scale": 2.5]) == [one[0]])
            let inline = try await client.order(["response_format": "b64_json", "n": 2]).answer().json()
            let prefix = "data:image/png;base64,"
            let decoded = inline.items.compactMap { item in
                item["b64_json"]?.string.flatMap { Data(base64Encoded: String($0.dropFirst(prefix.count))) }
            }
            #expect(inline.items.allSatisfy { $0["b64_json"]?.string?.hasPrefix(prefix) == true })
            #expect(decoded.map { Array($0) } == one)
        }
    }

    @Test("are the same in another sandbox")
    func sameElsewhere() async throws {
        var pictures: [[[UInt8]]] = []
        for _ in 0..<2 {
            try await SandboxClient.run { pictures.append(try await $0.pictures([:])) }
        }
        #expect(pictures[0] == pictures[1])
    }

    @Test("differ by index and by every field")
    func distinct() async throws {
        let other = Data(SandboxClient.png(identity: "another input")).base64EncodedString()
        let changes: [[String: JSONValue]] = [
            ["n": 4], ["seed": 8], ["prompt": "another sandbox:size=24x16"], ["model": "somebody/else"],
            ["image": .string(other)], ["image": "https://example.org/x.png"], ["strength": 0.5], ["steps": 21],
            ["guidance_scale": 3], ["negative_prompt": "rain"],
        ]
        try await SandboxClient.run { client throws in
            var all: [[UInt8]] = []
            for change in changes { all += try await client.pictures(change) }
            #expect(all.count == changes.count + 3)
            #expect(Set(all).count == all.count)
            // The pixels themselves differ, not only the embedded comment.
            #expect(try Set(all.map { try PNGFile($0).pixels }).count == all.count)
        }
    }

    @Test("differ each time without a seed and with −1", arguments: [JSONValue.null, -1])
    func random(seed: JSONValue) async throws {
        try await SandboxClient.run { client throws in
            let one = try await client.pictures(["seed": seed])
            #expect(try await client.pictures(["seed": seed]) != one)
        }
    }

    @Test("the same picture is the same request however it is written")
    func inputForms() async throws {
        let base64 = Data(SandboxClient.png(identity: "input")).base64EncodedString()
        let urlSafe = base64.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        let lines = stride(from: 0, to: base64.count, by: 76)
            .map { String(base64.dropFirst($0).prefix(76)) }.joined(separator: "\r\n")
        try await SandboxClient.run { client throws in
            let one = try await client.pictures([:])
            for form in [base64, urlSafe, lines, "data:image/JPEG;base64,\(base64)"] {
                #expect(try await client.pictures(["image": .string(form)]) == one)
            }
        }
    }

    @Test("a large input is accepted and leaves nothing behind")
    func largeInput() async throws {
        let input = SandboxClient.png(identity: "large", width: 900, height: 1000)
        try await SandboxClient.run { client throws in
            let image = JSONValue.string(Data(input).base64EncodedString())
            #expect(try await client.order(["image": image]).answer().status == 200)
            let left = try FileManager.default.contentsOfDirectory(atPath: client.directory.path("sandbox"))
            #expect(Set(left) == ["ledger.jsonl", "port", "secret"])
        }
    }
}
