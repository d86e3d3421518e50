import FluxqControl
import FluxqTestSupport
import Foundation
import Testing

@Suite(
    "The owner sees what a link returned instead of a picture, and the state of links", .timeLimit(.minutes(30)))
struct KeptBytesTests {
    @Test("complete data that is no picture is fetched as .bin, and standard error says what it is")
    func fetched() async throws {
        let daemon = try await RunningDaemon()
        let submit = try await daemon.fluxq(
            "submit", "--image", "-", "--wait", "x sandbox:not-a-picture=heic", input: SamplePictures.png.bytes)
        #expect(submit.end == .exit(1))
        let job = try await daemon.job(1)
        #expect(job.reason == "no_image" && job.message?.contains("HEIC") == true, "\(job.message ?? "")")
        let image = try #require(job.images.first)
        #expect(image.usable == false && image.width == nil && image.bytes == 4032, "\(image)")
        #expect(image.message?.contains("HEIC") == true)

        let fetch = try await daemon.fluxq("fetch", "1", "--output", daemon.directory.path)
        #expect(fetch.end == .exit(0) && fetch.lines == [daemon.directory.path("1-1.bin")], "\(fetch.errors)")
        #expect(fetch.errors.contains("is not a complete picture of a known format"), "\(fetch.errors)")
        let bytes = try Data(contentsOf: URL(filePath: daemon.directory.path("1-1.bin")))
        #expect(bytes.count == 4032 && bytes.dropFirst(4).starts(with: "ftypheic".utf8))
        await daemon.stop()
        #expect(daemon.process.errors.contains("HEIC"), "the log says why")
    }

    @Test("a pending link and the reason of a lost one are in the job's document")
    func links() async throws {
        let daemon = try await RunningDaemon()
        for words in ["dead-link=403", "dead-link=410 expires=3"] {
            let prompt = (["x"] + words.split(separator: " ").map { "sandbox:\($0)" }).joined(separator: " ")
            let run = try await daemon.run(["submit", "--image", "-", prompt], input: SamplePictures.png.bytes)
            #expect(run.end == .exit(0), "\(run.errors)")
        }
        let wait = try await daemon.fluxq("wait", "2")
        #expect(wait.end == .exit(1))
        let lost = try await daemon.job(2)
        #expect(lost.message?.contains("1 of 1 pictures could not be saved: ") == true, "\(lost.message ?? "")")
        // The last attempt comes after the link has expired, when the stand-in always answers with 403.
        #expect(lost.lost?.first?.message.contains("HTTP 4") == true)
        #expect(lost.lost?.first?.link?.hasPrefix("http://127.0.0.1:") == true)

        let pending = try #require(try await daemon.job(1).pending?.first)
        #expect(pending.index == 1 && pending.tries > 0 && pending.message?.contains("HTTP 403") == true)
        let link = try #require(pending.link)
        let shown = try await daemon.fluxq("status", "1")
        #expect(shown.output.contains(link) && shown.output.contains("its link expires"), "\(shown.output)")
    }

    @Test("only the owner sees a link", .enabled(if: OtherUser.isPossible))
    func others() async throws {
        let daemon = try await RunningDaemon()
        let run = try await daemon.fluxq(
            as: 1234, ["submit", "--image", "-", "x sandbox:dead-link"], input: SamplePictures.png.bytes)
        #expect(run.end == .exit(0), "\(run.errors)")
        try await daemon.waitForEvent("answered", count: 1)
        // root manages all users' jobs.
        let seen = try #require(try await daemon.job(1).pending?.first)
        #expect(seen.link == nil)
        let own = try await daemon.fluxq(as: 1234, ["status", "1"])
        #expect(own.output.contains("http://127.0.0.1:"), "\(own.output)")
    }
}
