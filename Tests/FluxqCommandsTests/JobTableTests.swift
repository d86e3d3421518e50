import FluxqControl
import Testing

@testable import FluxqCommands

@Suite("Tables of jobs")
struct JobTableTests {
    private func jobs() throws -> [JobDocument] {
        [
            try Sample.job(
                103, "queued",
                [
                    "waiting": "backoff", "label": "a label of more than twenty columns",
                    "request": Sample.request(["prompt": "雪を降らせてください"]),
                ]),
            try Sample.job(
                42, "running",
                [
                    "phase": "archiving", "pending": [Sample.pending(3), Sample.pending(4)],
                    "images": [Sample.image(1), Sample.image(2)],
                    "request": Sample.request(["n": 4, "prompt": "two\nlines\u{1B}[2J"]),
                ]),
            try Sample.job(9, "done", ["images": [Sample.image(1)], "label": "x"]),
        ]
    }

    @Test("a pipe gets whole prompts and local times")
    func pipe() throws {
        #expect(
            try JobTable(jobs: jobs()).lines(Sample.pipe) == [
                " ID  STATE               PICTURES  SUBMITTED            LABEL                                PROMPT",
                "103  queued: backoff     -         2026-11-22 12:00:00  a label of more than twenty columns  雪を降らせてください",
                #" 42  running: archiving  2 of 4    2026-11-22 12:00:00  -                                    two\nlines\e[2J"#,
                "  9  done                1         2026-11-22 12:00:00  x                                    Convert to quick pencil sketch",
            ])
    }

    @Test("a terminal gets lines of its width and times from now")
    func terminal() throws {
        let lines = try JobTable(jobs: jobs()).lines(Sample.terminal(80))
        #expect(
            lines == [
                " ID  STATE               PICTURES  SUBMITTED  LABEL                 PROMPT",
                "103  queued: backoff     -         1 h ago    a label of more tha…  雪を降らせ…",
                #" 42  running: archiving  2 of 4    1 h ago    -                     two\nlines\…"#,
                "  9  done                1         1 h ago    x                     Convert to …",
            ])
        #expect(lines.allSatisfy { TerminalText.columns($0) <= 80 })
    }

    @Test("a narrow terminal keeps some of the prompt")
    func narrow() throws {
        let lines = try JobTable(jobs: [Sample.job()]).lines(Sample.terminal(20))
        #expect(lines.last?.hasSuffix("Convert to …") == true)
    }

    @Test("colours surround words, not their padding")
    func colours() throws {
        let lines = try JobTable(jobs: [Sample.job(1, "failed", ["reason": "moderated"])])
            .lines(Sample.terminal(100, colours: true))
        #expect(lines.last?.contains("\u{1B}[31mfailed: moderated\u{1B}[0m  ") == true)
    }

    @Test(
        "the state is followed by its details",
        arguments: [
            ("queued", ["waiting": "ready"], "queued"), ("queued", ["waiting": "user_limit"], "queued: user_limit"),
            ("running", ["phase": "calling"], "running: calling"), ("done", [:], "done"),
            ("failed", ["reason": "link_lost"], "failed: link_lost"), ("dreaming", [:], "dreaming"),
        ] as [(String, [String: String], String)])
    func states(state: String, members: [String: String], words: String) throws {
        #expect(JobWords(try Sample.job(1, state, members)).state == words)
    }

    @Test("a running job that is being canceled says so")
    func canceling() throws {
        let job = try Sample.job(1, "running", ["phase": "calling", "cancel_requested": true])
        #expect(JobWords(job).state == "running: calling, canceling")
        #expect(Cancel.outcome(of: job).contains("will be canceled"))
    }
}
