import FluxqArchive
import FluxqControlServer
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import NIOHTTP1
import Testing

@testable import FluxqDoor

@Suite("One intention, one bill")
struct RetryTests {
    private static let request = #"{"prompt":"make it rain"}"#

    @Test("a client that leaves while its job is queued or running, and asks again, gets the same job")
    func attach() async throws {
        try await DoorServer.run { server in
            for isRunning in [false, true] {
                let client = try RawRequest(to: server)
                try client.ask(Self.request)
                var claim: Claim?
                if isRunning {
                    claim = try await server.claim()
                } else {
                    try await server.when {
                        try await server.jobs().contains { JobState($0.lifecycle.state) == .queued }
                    }
                }
                client.close()
                async let again = server.generate(Self.request)
                if claim == nil { claim = try await server.claim() }
                try await server.answer(try #require(claim))
                let response = try await again
                #expect(try response.pictures() == [SamplePictures.png.bytes])
                #expect(response.headers.first(name: "idempotent-replayed") == "true")
                _ = try await server.send(.GET, "/v1/models")
                await server.room.isLeft(JobID(rawValue: isRunning ? 2 : 1))
            }
            #expect(try await server.jobs().count == 2)
        }
    }

    @Test("a request that is marked as a retry joins a job that somebody else of the same user waits for")
    func marked() async throws {
        try await DoorServer.run { server in
            async let first = server.generate(Self.request)
            let claim = try await server.claim()
            async let retry = server.generate(Self.request, headers: ["x-stainless-retry-count": "1"])
            try await server.when {
                try await server.store.events(for: Caller(DoorServer.me), since: 0, limit: 100)
                    .contains { $0.kind == .joined }
            }
            try await server.answer(claim)
            #expect(try await first.pictures() == retry.pictures())
            #expect(try await server.jobs().count == 1)
        }
    }

    @Test("two identical requests at once are two jobs, one for each client")
    func atOnce() async throws {
        try await DoorServer.run { server in
            async let first = server.generate(Self.request)
            async let second = server.generate(Self.request)
            for _ in 0..<2 { try await server.answer(server.claim()) }
            let jobs = try await [first, second].map { $0.headers.first(name: "x-fluxq-job") }
            #expect(Set(jobs) == ["1", "2"])
        }
    }

    @Test("requests are compared by their fields and pictures, however they are written")
    func fingerprint() async throws {
        try await DoorServer.run { server in
            let picture = SamplePictures.jpeg.bytes
            let base64 = Data(picture).base64EncodedString()
            let cut = try RawRequest(to: server)
            try cut.ask(#"{"prompt":"rain","n":1,"image":"data:image/jpeg;base64,\#(base64)","size":"1x1"}"#)
            try await server.answer(server.claim())
            cut.close()
            // The picture again, in another encoding and under another name; a field as text; one without effect.
            let form = Form([("prompt", "rain"), ("n", "1"), ("quality", "")], files: [("image[]", picture)])
            let same = try await server.edit(form)
            #expect(same.headers.first(name: "x-fluxq-job") == "1")
            for other in [
                Form([("prompt", "snow"), ("n", "1")], files: [("image", picture)]),
                Form([("prompt", "rain"), ("n", "1"), ("seed", "7")], files: [("image", picture)]),
                Form([("prompt", "rain"), ("n", "1")], files: [("image", SamplePictures.png.bytes)]),
            ] {
                let response = try await server.answered { try await server.edit(other) }
                #expect(response.headers.first(name: "idempotent-replayed") == nil)
            }
            #expect(try await server.jobs().count == 4)
        }
    }

    @Test("an answer that was not delivered is kept for the next identical request for an hour")
    func adoptTime() async throws {
        try await DoorServer.run { server in
            for (age, isAdopted) in [(Duration.seconds(3600), true), (.seconds(3601), false)] {
                let cut = try RawRequest(to: server)
                try cut.ask(Self.request)
                try await server.answer(server.claim())
                cut.close()
                let jobs = try await server.jobs().count
                await server.room.isLeft(JobID(rawValue: Int64(jobs)))
                server.pass(age)
                if isAdopted {
                    _ = try await server.generate(Self.request)
                    _ = try await server.send(.GET, "/v1/models")
                    await server.room.isLeft(JobID(rawValue: Int64(jobs)))
                } else {
                    _ = try await server.answered { try await server.generate(Self.request) }
                }
                #expect(try await server.jobs().count == (isAdopted ? jobs : jobs + 1))
            }
        }
    }

    @Test(
        "an unknown outcome stays the answer, unless the request has another seed, a key, or says that it wants another"
    )
    func unknown() async throws {
        try await DoorServer.run { server in
            async let unknown = server.generate(Self.request)
            try await server.end(server.claim(), .unknown(APIError(message: "reset")))
            let first = try await unknown
            #expect(first.status == 424)
            #expect(try first.error().code == "outcome_unknown")
            #expect(first.headers.first(name: "x-should-retry") == "false")
            // The lane's next call waits a little.
            server.pass(.seconds(60))
            func job(_ json: String, _ headers: HTTPHeaders) async throws -> String? {
                try await server.answered { try await server.generate(json, headers: headers) }
                    .headers.first(name: "x-fluxq-job")
            }
            func expectSticky() async throws {
                let again = try await server.generate(Self.request)
                #expect(again.status == 424 && again.headers.first(name: "x-fluxq-job") == "1")
            }
            for _ in 0..<2 { try await expectSticky() }
            #expect(try await job(Self.request, ["x-fluxq-again": "yes"]) == "2")
            #expect(try await job(Self.request, ["idempotency-key": "k"]) == "3")
            #expect(try await job(#"{"prompt":"make it rain","seed":9}"#, [:]) == "4")
            try await expectSticky()
            server.pass(.seconds(3600))
            #expect(try await job(Self.request, [:]) == "5")
        }
    }

    @Test("when a person retries a job with an unknown outcome, the next identical request gets the result")
    func retriedByHand() async throws {
        try await DoorServer.run { server in
            async let first = server.generate(Self.request)
            try await server.end(server.claim(), .unknown(APIError(message: "reset")))
            #expect(try await first.status == 424)
            server.pass(.seconds(60))
            _ = try await server.store.retry(JobID(rawValue: 1), by: Caller(DoorServer.me))
            try await server.answer(server.claim())
            let again = try await server.generate(Self.request)
            #expect(again.status == 200 && again.headers.first(name: "x-fluxq-job") == "1")
        }
    }

    @Test(
        "a queued job that nobody waits for is canceled after a minute; one that somebody joins, keys or will collect is not"
    )
    func abandoned() async throws {
        try await DoorServer.run { server in
            func leave(_ json: String, headers: [String] = []) async throws {
                let before = try await server.jobs().count
                let client = try RawRequest(to: server)
                try client.ask(json, headers: headers)
                try await server.when { try await server.jobs().count != before }
                client.close()
                await server.room.isLeft(JobID(rawValue: Int64(before + 1)))
            }
            try await leave(#"{"prompt":"left"}"#)
            try await leave(#"{"prompt":"keyed"}"#, headers: ["Idempotency-Key: k"])
            _ = try await server.generate(#"{"prompt":"collected"}"#, headers: ["prefer": "respond-async"])
            try await leave(#"{"prompt":"joined"}"#)
            let joining = try RawRequest(to: server)
            try joining.ask(#"{"prompt":"joined"}"#)
            try await server.when { server.room.isAttended(JobID(rawValue: 4)) }

            server.pass(.seconds(59))
            try await server.room.cancelDue()
            #expect(try await server.jobs().allSatisfy { JobState($0.lifecycle.state) == .queued })
            server.pass(.seconds(1))
            try await server.room.cancelDue()
            let canceled = try await server.jobs().filter { JobState($0.lifecycle.state) == .failed }
            #expect(canceled.map(\.request.prompt) == ["left"])
            // It has cost nothing, and the same request makes a job of its own.
            joining.close()
            async let again = server.generate(#"{"prompt":"left"}"#)
            try await server.when { try await server.jobs().count != 4 }
            for _ in 0..<4 { try await server.answer(server.claim()) }
            #expect(try await again.headers.first(name: "x-fluxq-job") == "5")
        }
    }

    @Test("after a restart, queued jobs whose clients are gone are canceled in a minute")
    func restart() async throws {
        try await DoorServer.run { server in
            let client = try RawRequest(to: server)
            try client.ask(Self.request)
            try await server.when { try await !server.jobs().isEmpty }
            // What the next process has: the same store, and no clients.
            let room = WaitingRoom(store: server.store, patience: .zero, elapsed: { .zero })
            let canceling = Task { await room.run { _ in } }
            try await server.when {
                try await server.jobs().contains { JobState($0.lifecycle.state) != .queued }
            }
            canceling.cancel()
            await canceling.value
            #expect(await client.read().contains(#""code":"canceled""#))
            client.close()
        }
    }

    @Test("a client's patience ends with an answer that brings it back to the same job")
    func patience() async throws {
        try await DoorServer.run { server in
            for (header, value) in [
                ("x-stainless-read-timeout", "0.2"), ("x-stainless-timeout", "0.1"),
            ] {
                let late = try await server.generate(Self.request, headers: [header: value])
                #expect(late.status == 504)
                #expect(try late.error().code == "still_running")
                #expect(late.headers.first(name: "x-should-retry") == "true")
                #expect(late.headers.first(name: "retry-after") == "1")
                #expect(late.headers.first(name: "x-fluxq-job") == "1")
            }
            let response = try await server.answered { try await server.generate(Self.request) }
            #expect(response.headers.first(name: "x-fluxq-job") == "1")
        }
        try await DoorServer.run(door: { $0.patience = .milliseconds(50) }) { server in
            for headers: HTTPHeaders in [[:], ["x-stainless-read-timeout": "600"]] {
                let late = try await server.generate(Self.request, headers: headers)
                #expect(late.status == 504)
            }
        }
    }

    @Test("a streamed request whose job would wait for another day is told so, and costs nothing")
    func streamedLimit() async throws {
        try await DoorServer.run(settings: { $0.eventPause = .milliseconds(20) }) { server in
            async let response = server.generate(#"{"prompt":"rain","stream":true}"#)
            try await server.when { try await !server.jobs().isEmpty }
            server.limit(.imagesPerDay, to: 0)
            let text = try await response.text
            #expect(text.contains("event: error\n") && text.contains(#""code":"insufficient_quota""#), "\(text)")
            #expect(try await server.jobs().allSatisfy { JobState($0.lifecycle.state) == .failed })
        }
    }

    @Test("a streamed request gets comments while it waits, then the pictures, and is delivered like any other")
    func stream() async throws {
        try await DoorServer.run(settings: { $0.eventPause = .milliseconds(20) }) { server in
            let client = try RawRequest(to: server)
            try client.ask(#"{"prompt":"rain","stream":true}"#)
            var text = ""
            while !text.contains(": queued, place 1") { text += await client.read(1) }
            client.close()
            let response = try await server.answered { try await server.generate(#"{"prompt":"rain","stream":true}"#) }
            #expect(response.headers.first(name: "content-type") == "text/event-stream")
            #expect(response.headers.first(name: "x-fluxq-job") == "1")
            text = response.text
            let line = try #require(text.split(separator: "\n").last { $0.hasPrefix("data: ") })
            let event = try #require(
                try JSONSerialization.jsonObject(with: Data(line.dropFirst(6).utf8)) as? [String: Any])
            #expect(event["type"] as? String == "image_generation.completed")
            for name in ["background", "created_at", "output_format", "quality", "size", "usage"] {
                #expect(event[name] != nil, "\(name)")
            }
            #expect(Data(base64Encoded: try #require(event["b64_json"] as? String)) == Data(SamplePictures.png.bytes))
            _ = try await server.send(.GET, "/v1/models")
            await server.room.isLeft(JobID(rawValue: 1))

            let refused = try RawRequest(to: server)
            try refused.ask(#"{"prompt":"snow","stream":"true"}"#, headers: ["Connection: close"])
            try await server.end(server.claim(), .rejected(APIError(status: 400, message: "no")))
            let end = await refused.read(100_000)
            #expect(end.contains("event: error\ndata: {\"error\":{"))
            refused.close()
        }
    }
}
