import FluxqControl
import FluxqModel
import FluxqSandbox
import FluxqTestSupport
import Foundation
import Testing

@Suite("The outcome table, played by the sandbox", OutcomePlay(), .timeLimit(.minutes(30)))
struct OutcomeTableTests {
    @Test("each row leads to its state, its reason and its bill", arguments: OutcomeRow.all.indices)
    func row(_ number: Int) async throws {
        let row = OutcomeRow.all[number]
        let name = Comment(rawValue: row.description)
        let result = try #require(OutcomePlay.results[number], name)
        let job = result.job
        #expect(result.run.end == .exit(row.state == .done ? 0 : 1), "\(name): \(result.run.errors)")
        #expect(job.state == row.state.rawValue, name)
        #expect(job.reason == row.reason?.rawValue, name)
        if let warns = row.warns {
            #expect(job.warning?.contains(warns) == true, "\(name): \(job.warning ?? "")")
        } else if let warning = row.warning, !row.isAtLeast {
            #expect(job.warning?.hasPrefix(warning) == true, "\(name): \(job.warning ?? "")")
        } else if row.warning == nil {
            #expect(job.warning == nil, "\(name): \(job.warning ?? "")")
        }
        #expect(job.attempts == row.attempts, name)
        let pictures = job.images.filter(\.isPicture)
        #expect(row.isAtLeast ? pictures.count >= row.images : pictures.count == row.images, name)
        #expect(pictures.allSatisfy { $0.mediaType == row.mediaType }, name)
        #expect(row.state == .done || !(job.message ?? "").isEmpty, name)
        if let says = row.says { #expect(job.message?.contains(says) == true, "\(name): \(job.message ?? "")") }

        // The requests that reached the API, and what it would have billed.
        #expect(result.received.count == row.calls.count, name)
        #expect(result.received.count(where: \.billed) == row.billed, name)
        // fluxq's own record of them.
        #expect(result.calls.map(\.outcome) == row.calls.map(\.rawValue), "\(name): \(result.calls)")
        #expect(result.calls.map(\.billing) == row.calls.map(\.billing.rawValue), name)

        if row.pause > .zero, result.received.count == 2 {
            let gap = result.received[1].receivedMonotonicNanoseconds - result.received[0].receivedMonotonicNanoseconds
            #expect(.nanoseconds(gap) >= row.pause, name)
        }
    }

    @Test("the table has a row for every outcome, every reason and every word that plays a call or a picture")
    func complete() {
        let rows = OutcomeRow.all
        #expect(Set(rows.flatMap(\.calls)) == Set(CallOutcome.Kind.allCases))
        #expect(Set(rows.compactMap(\.reason)) == Set(FailureReason.allCases))
        let played = Set(rows.flatMap(\.words) + LinkDeadlineTests.Row.all.flatMap(\.words))
        #expect(Set(SandboxWord.allCases.filter { $0.kind != .rule }.map(\.name)).subtracting(played) == [])
        #expect(Set(rows.map(\.description)).count == rows.count, "a row stands there twice")
    }
}

@Suite("A link's own expiry is its deadline", .timeLimit(.minutes(30)))
struct LinkDeadlineTests {
    struct Row: Sendable {
        let play: String
        /// From the time of the answer.
        let lifetime: TimeInterval

        var words: [String] { play.split(separator: " ").map { String($0.prefix { $0 != "=" }) } }

        private static let week: TimeInterval = 7 * 86_400

        static let all: [Row] = [
            Row(play: "expires=4000", lifetime: 4000), Row(play: "expires=4000 expires-as=expires", lifetime: 4000),
            Row(play: "expires=4000 expires-as=amz", lifetime: 4000),
            Row(play: "expires=4000 expires-as=goog", lifetime: 4000),
            // It gives no expiry: seven days from `created`, or from now.
            Row(play: "expires=4000 expires-as=none", lifetime: week),
            Row(play: "expires=4000 expires-as=none no-created", lifetime: week),
            // It gives an impossible one.
            Row(play: "expired-link", lifetime: week), Row(play: "expires=400000000", lifetime: week),
        ]
    }

    @Test("in every form; without one, seven days count")
    func deadlines() async throws {
        // Each row has its own lane, because three calls with failing downloads hold theirs.
        let models = Row.all.indices.map { "row-\($0)" }
        let daemon = try await RunningDaemon(
            environment: ["FLUXQ_PRICES": models.map { "\($0)=0" }.joined(separator: ",")])
        let before = Date()
        for (row, model) in zip(Row.all, models) {
            let words = "\(row.play) dead-link".split(separator: " ").map { "sandbox:\($0)" }.joined(separator: " ")
            let run = try await daemon.run(
                ["submit", "--image", "-", "--model", model, "x \(words)"], input: SamplePictures.png.bytes)
            #expect(run.end == .exit(0), "\(run.errors)")
        }
        try await daemon.waitForEvent("answered", count: Row.all.count)
        let after = Date()
        for (index, row) in Row.all.enumerated() {
            let job = try await daemon.job(index + 1)
            #expect(job.phase == "archiving", "\(row.play)")
            let end = try #require(job.pending?.first?.deadline.timestamp, "\(row.play)").rawValue
            let earliest = Int64((before.timeIntervalSince1970 + row.lifetime - 1) * 1000)
            let latest = Int64((after.timeIntervalSince1970 + row.lifetime + 1) * 1000)
            #expect((earliest...latest).contains(end), "\(row.play): \(end - latest) ms")
        }
    }
}
