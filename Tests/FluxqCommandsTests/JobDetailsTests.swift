import FluxqControl
import FluxqModel
import Testing

@testable import FluxqCommands

@Suite("Everything about one job")
struct JobDetailsTests {
    private func text(_ state: String, _ members: [String: Any]) throws -> String {
        JobDetails(job: try Sample.job(42, state, members)).lines(Sample.pipe).joined(separator: "\n")
    }

    @Test("a job that is done shows its times, request and pictures")
    func done() throws {
        let job = try Sample.job(
            42, "done",
            [
                "started_at": "2026-11-22T11:00:10.000Z", "finished_at": "2026-11-22T11:01:44.000Z", "label": "night",
                "priority": 5, "images": [Sample.image(1)], "api": ["request_id": "req-1"],
                "request": Sample.request([
                    "n": 2, "strength": 0.6, "negative_prompt": "snow\nrain", "image": "https://example.org/a.png",
                ]), "warning": "1 of 2 pictures came",
            ])
        #expect(
            JobDetails(job: job).lines(Sample.pipe) == [
                "job 42: done",
                "  warning     1 of 2 pictures came",
                "              To fetch its pictures: fluxq fetch 42",
                "  submitted   2026-11-22 12:00:00 (1 h ago) by alice (uid 1000)",
                "  started     2026-11-22 12:00:10 (59 min ago)",
                "  finished    2026-11-22 12:01:44 (58 min ago), took 1 min 34 s",
                "  attempts    1",
                "  label       night",
                "  priority    5",
                "  prompt      Convert to quick pencil sketch",
                "  not wanted  snow",
                "              rain",
                "  image       https://example.org/a.png",
                "  model       m",
                "  seed        7",
                "  parameters  n 2, strength 0.6",
                "  request id  req-1",
                "  picture 1   image/png, 1024 x 768, 1.3 MiB, sha256:\(String(repeating: "a", count: 64))",
            ])
    }

    @Test("fields specific to the model are shown as they were set, and a seed only if there is one")
    func parameters() throws {
        let job = try Sample.job(
            42, "done",
            ["request": ["model": "own", "prompt": "p", "n": 2, "size": "1024x1024", "hd": true, "k": 0.5]])
        let lines = JobDetails(job: job).lines(Sample.pipe)
        #expect(lines.contains("  parameters  n 2, hd=true, k=0.5, size=1024x1024"))
        #expect(!lines.contains { $0.hasPrefix("  seed") })
    }

    @Test("paid pictures that are still to be downloaded show their deadline")
    func archiving() throws {
        let text = try text(
            "running",
            [
                "phase": "archiving", "message": "host not trusted",
                "pending": [Sample.pending(3), Sample.pending(4)],
                "images": [Sample.image(1), Sample.image(2)],
            ])
        #expect(text.contains("Paid, 2 of 4 saved, links expire in 6 d 3 h."))
        #expect(text.contains("message     host not trusted"))
    }

    @Test("a download that failed says when it is tried again, also after the links should have expired")
    func failedDownload() throws {
        func text(diesAt: String) throws -> String {
            try self.text(
                "running",
                [
                    "phase": "archiving", "message": "HTTP 503",
                    "pending": [
                        [
                            "index": 1, "link": "https://cdn.example/1.png?sig=a", "deadline": diesAt, "tries": 2,
                            "tried_at": "2026-11-22T11:57:00.000Z", "next_try_at": "2026-11-22T12:05:00.000Z",
                            "message": "HTTP 503",
                        ]
                    ],
                ])
        }
        #expect(
            try text(diesAt: "2026-11-28T15:00:00.000Z").contains(
                "The last download attempt failed 3 min ago; the next one is due in 5 min."))
        #expect(try text(diesAt: "2026-11-22T10:00:00.000Z").contains("links should have expired 2 h ago"))
        let whole = try text(diesAt: "2026-11-28T15:00:00.000Z")
        #expect(whole.contains("picture 1   still to be downloaded, its link expires 2026-11-28 16:00:00"))
        #expect(whole.contains("; 2 tries failed") && whole.contains("            https://cdn.example/1.png?sig=a"))
    }

    @Test("kept data that is no picture, lost pictures and flawed ones each show the reason")
    func otherPictures() throws {
        let text = try text(
            "done",
            [
                "images": [
                    Sample.image(1),
                    [
                        "index": 2, "hash": "sha256:\(String(repeating: "b", count: 64))", "bytes": 4028,
                        "media_type": "application/octet-stream", "usable": false, "message": "What came is HEIC.",
                    ],
                ],
                "lost": [["index": 3, "message": "HTTP 404", "link": "https://cdn.example/3.png"]],
            ])
        #expect(text.contains("picture 2   not a usable picture, saved unchanged, 3.9 KiB, sha256:bbb"))
        #expect(text.contains("            What came is HEIC."))
        #expect(text.contains("picture 3   lost: HTTP 404") && text.contains("            https://cdn.example/3.png"))
    }

    @Test("the ledger shows every call with its time, its outcome and its price")
    func ledger() throws {
        let lines = try text(
            "failed",
            [
                "reason": "outcome_unknown", "message": "m",
                "ledger": [
                    [
                        "number": 1, "begun_at": "2026-11-22T11:00:10.000Z", "settled_at": "2026-11-22T11:00:11.000Z",
                        "billing": "not_billed", "outcome": "rate_limited", "status": 429, "images_wanted": 2,
                        "message": "slow down",
                    ],
                    [
                        "number": 2, "begun_at": "2026-11-22T11:01:00.000Z", "sent_at": "2026-11-22T11:01:02.000Z",
                        "settled_at": "2026-11-22T11:02:30.000Z", "billing": "unknown", "outcome": "unknown",
                        "status": 504, "request_id": "r-9", "images_wanted": 2, "price": 0.08, "currency": "USD",
                        "message": "HTTP 504",
                    ],
                ],
            ])
        #expect(
            lines.contains(
                "  call 1      2026-11-22 12:00:10, rate limited after 1 s, not billed (HTTP 429): slow down\n"))
        #expect(
            lines.contains(
                "  call 2      2026-11-22 12:01:00, sent after 2 s, unknown after 1 min 30 s, may have been billed "
                    + "2 x 0.08 USD (HTTP 504, request id r-9): HTTP 504\n"))
        #expect(lines.contains("It may have been billed: the request r-9 was sent 2026-11-22 12:01:02 (58 min ago)"))
    }

    @Test("every reason to wait is explained", arguments: Waiting.allCases)
    func waiting(_ waiting: Waiting) throws {
        let job = try Sample.job(42, "queued", ["waiting": waiting.rawValue, "not_before": "2026-11-22T14:00:00.000Z"])
        let advice = JobWords(job).advice(Sample.pipe)
        #expect(advice.count == 1)
        let hasTime = [.scheduled, .backoff].contains(waiting)
        #expect(advice[0].contains("2026-11-22 15:00:00 (in 2 h)") == hasTime)
    }

    @Test("a queued job shows its queue position and when it starts, or only that many are ahead")
    func place() throws {
        let near = try text(
            "queued", ["waiting": "ready", "place": 3, "estimated_start_at": "2026-11-22T12:01:30.000Z"])
        #expect(near.contains("  place       3, starts about 2026-11-22 13:01:30 (in 1 min)"))
        #expect(
            try text("queued", ["waiting": "ready", "place_beyond": 1000]).contains(
                "  place       more than 1000 ahead"))
        #expect(try !text("queued", ["waiting": "held"]).contains("place"))
    }

    @Test("a job that waits for a limit shows when the limit is renewed")
    func limit() throws {
        let limit: [String: Any] = [
            "name": "images_per_day", "limit": 10, "used": 10, "asked": 1, "renewed_at": "2026-11-23T00:00:00.000Z",
        ]
        let job = try text(
            "queued", ["waiting": "user_limit", "message": "The limit is 10 images a day.", "limit": limit])
        #expect(job.contains("  message     The limit is 10 images a day."))
        #expect(job.contains("it is renewed 2026-11-23 01:00:00 (in 12 h)"))
    }

    @Test("every reason for a failure shows what to do", arguments: FailureReason.allCases)
    func failed(_ reason: FailureReason) throws {
        let text = try text(
            "failed",
            [
                "reason": reason.rawValue, "message": "The API said:\n\u{1B}[31mno",
                "error": ["message": "no", "status": 400, "code": "param_error", "request_id": "r-7"],
            ])
        #expect(text.hasPrefix("job 42: failed: \(reason.rawValue)\n"))
        #expect(text.contains("  message     The API said:\n              \\e[31mno\n"))
        #expect(text.contains("  api error   no (HTTP 400, param_error, request id r-7)"))
        let isRetryable = ![.rejected, .moderated].contains(reason)
        #expect(text.contains("fluxq retry 42") == isRetryable)
    }

    @Test("an unknown outcome says that it may have been billed")
    func unknown() throws {
        #expect(try text("failed", ["reason": "outcome_unknown"]).contains("It may have been billed"))
    }

    @Test("one line sums a job up")
    func summary() throws {
        let done = try Sample.job(
            42, "done",
            [
                "started_at": "2026-11-22T11:00:00.000Z", "finished_at": "2026-11-22T11:00:34.000Z",
                "images": [Sample.image(1)],
            ])
        #expect(JobWords(done).summary == "job 42: done after 34 s, 1 picture")
        let failed = try Sample.job(7, "failed", ["reason": "moderated", "message": "no\nway"])
        #expect(JobWords(failed).summary == #"job 7: failed: moderated: no\nway"#)
        #expect(JobWords(try Sample.job(7, "queued")).live(now: Sample.now) == "job 7  queued  1 h")
    }
}
