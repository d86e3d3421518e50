import Crypto
import FluxqControl
import FluxqControlClient
import FluxqHost
import FluxqModel
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqCommands

@Suite("Fetching a job's pictures", .timeLimit(.minutes(30)))
struct PictureFetchTests {
    @Test(
        "a file's name comes from the job, the index and the format of its bytes",
        arguments: [
            ("image/png", "42-1.png"), ("image/jpeg", "42-1.jpg"), ("image/webp", "42-1.webp"),
            ("image/gif", "42-1.gif"), ("image/avif", "42-1.avif"), ("../../etc/passwd", "42-1.bin"),
        ])
    func names(mediaType: String, name: String) throws {
        let job = try Sample.job(42, "done", ["images": [Sample.image(1, mediaType)]])
        #expect(PictureFetch.name(of: job.images[0], job: job.id) == name)
    }

    @Test(
        "missing pictures are reported",
        arguments: [
            ("done", [1], nil, nil), ("done", [1], 1, nil), ("done", [1], 2, .badInput), ("failed", [1], nil, nil),
            ("failed", [], nil, .jobFailed), ("failed", [], 1, .badInput), ("queued", [], nil, .tryLater),
            ("running", [1], nil, .tryLater), ("running", [1], 1, nil), ("running", [1], 2, .tryLater),
        ] as [(String, [Int], Int?, FluxqCommands.ExitStatus?)])
    func missing(state: String, images: [Int], index: Int?, status: FluxqCommands.ExitStatus?) throws {
        let job = try Sample.job(42, state, ["images": images.map { Sample.image($0) }])
        #expect(PictureFetch.missing(in: job, index: index)?.status == status)
    }

    @Test("every picture is fetched, checked and named on standard output")
    func fetches() async throws {
        let directory = try TemporaryDirectory()
        let first = "picture one", second = "picture two"
        let job = try Sample.job(
            42, "done",
            [
                "images": [
                    Sample.image(1, hash: sha256(first), bytes: 11), Sample.image(3, hash: sha256(second), bytes: 11),
                ]
            ])
        _ = try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in
                    for (path, picture) in [("1", first), ("3", second)] {
                        let head = try peer.readHead()
                        #expect(head.hasPrefix("GET /v1/jobs/42/images/\(path) "))
                        try peer.answer("200 OK", picture, type: "image/png")
                    }
                }
            ])
        let output = Pipe()
        let console = Console(json: false, output: output.fileHandleForWriting.fileDescriptor)
        try await ControlClient.withConnection(to: ControlSocket(option: directory.path("s"), environment: nil)) {
            let target = try await OutputDirectory.open(BytePath(directory.path("out")))
            defer { target.close() }
            try await PictureFetch(client: $0, console: console, directory: target).fetch(job)
        }
        try output.fileHandleForWriting.close()
        let printed = String(decoding: try #require(try output.fileHandleForReading.readToEnd()), as: UTF8.self)
        #expect(printed == "\(directory.path("out"))/42-1.png\n\(directory.path("out"))/42-3.png\n")
        #expect(try String(contentsOfFile: directory.path("out/42-3.png"), encoding: .utf8) == second)
    }

    private func sha256(_ text: String) -> String {
        ContentHash(digest: Array(SHA256.hash(data: Data(text.utf8)))).description
    }
}
