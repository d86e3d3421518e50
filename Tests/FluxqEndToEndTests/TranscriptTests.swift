import FluxqTestSupport
import Foundation
import Testing

/// `Tests/Transcripts` has one file for each verb. To write the programs' current output into those files:
/// `RECORD_TRANSCRIPTS=1 swift test --filter TranscriptTests`; then read the difference.
@Suite("Transcripts", .timeLimit(.minutes(30)))
struct TranscriptTests {
    private static let mark = "--- exit"

    private static func names() -> [String] {
        let all = try? FileManager.default.contentsOfDirectory(atPath: RepositoryFile.path("Tests/Transcripts"))
        return (all ?? []).filter { $0.hasSuffix(".txt") }.sorted()
    }

    @Test("each verb prints what its transcript shows", arguments: names())
    func verb(_ name: String) async throws {
        let file = "Tests/Transcripts/\(name)"
        let text = try RepositoryFile.text(file)
        let transcript = Transcript(text, isMarkdown: false)
        let daemon = try await RunningDaemon()
        try copySample(to: daemon.directory.path("photograph.jpg"))
        let process = try daemon.start(shell: transcript.script(mark: Self.mark), of: "bash")
        _ = await process.wait()
        let outputs = Transcript.outputs(of: process.output, mark: Self.mark)
        if ProcessInfo.processInfo.environment["RECORD_TRANSCRIPTS"] != nil {
            try transcript.recorded(outputs, in: text).write(
                toFile: RepositoryFile.path(file), atomically: true, encoding: .utf8)
            return
        }
        compare(transcript, outputs, process)
    }

    @Test("the tutorial's commands print what it shows")
    func tutorial() async throws {
        let transcript = Transcript(try RepositoryFile.text("docs/tutorial.md"), isMarkdown: true)
        // A person is never faster than fluxqd.
        let isOpen = "grep -q -m1 'control interface is open' <(tail -n +1 -F --pid=$! $dir/fluxqd.log 2>/dev/null)"
        let session = transcript.running { $0.hasSuffix(" &") ? "\($0)\n\(isOpen)" : $0 }
        let directory = try TemporaryDirectory()
        var environment = RunningDaemon.baseEnvironment
        let programs = RunningDaemon.executable("fluxq").dropLast("/fluxq".count)
        environment["PATH"] = programs + ":" + (environment["PATH"] ?? "")
        environment["TMPDIR"] = directory.path
        try FileManager.default.createDirectory(
            atPath: directory.path("Samples"), withIntermediateDirectories: false)
        try copySample(to: directory.path("Samples/photograph.jpg"))
        let script = "cd '\(directory.path)' || exit 99\ntrap 'kill $(jobs -p); wait' EXIT\n"
        let process = try ChildProcess(
            "bash", ["-c", script + session.script(mark: Self.mark)], environment: environment,
            directory: directory.path)
        _ = await process.wait()
        // The page shows no exit statuses.
        let outputs = Transcript.outputs(of: process.output, mark: Self.mark).map { lines in
            lines.last?.wholeMatch(of: /\[[0-9]+\]/) == nil ? lines : lines.dropLast()
        }
        compare(transcript, outputs, process)
    }

    private func copySample(to path: String) throws {
        try FileManager.default.copyItem(atPath: RepositoryFile.path("Samples/photograph.jpg"), toPath: path)
    }

    private func compare(_ transcript: Transcript, _ outputs: [[String]], _ process: ChildProcess) {
        #expect(!transcript.commands.isEmpty && outputs.count == transcript.commands.count, "\(process.errors)")
        for (command, output) in zip(transcript.commands, outputs) {
            let isAlike = output.map(Transcript.normal) == command.expected.map(Transcript.normal)
            #expect(isAlike, "$ \(command.text)\n\(output.joined(separator: "\n"))")
        }
    }

    @Test("every verb has a transcript, and no other has one")
    func complete() async throws {
        let help = try await RunningDaemon.fluxq(["help"], socket: "/none", directory: "/")
        let verbs = help.output.matches(of: /\n  ([a-z]+) {2,}/).map { String($0.output.1) }
        #expect(verbs.count > 10)
        #expect(Set(verbs) == Set(Self.names().map { $0.dropLast(".txt".count) }.map(String.init)))
    }

    @Test("parts that differ between runs are removed before two lines are compared")
    func normal() {
        let alike = [
            ("took 2 s", "took 31 ms"), ("(3 s ago)", "(now)"), ("a  b", "a    b"),
            ("submitted 2026-11-23 09:12:56", "submitted 2027-01-01 00:00:00"),
            ("by root (uid 0)", "by ann (uid 1000)"),
        ]
        for (one, other) in alike { #expect(Transcript.normal(one) == Transcript.normal(other)) }
        let different = [("job 1: done", "job 2: done"), ("exit 2", "exit 3"), ("done", "failed")]
        for (one, other) in different { #expect(Transcript.normal(one) != Transcript.normal(other)) }
    }
}

extension Transcript {
    /// The file's text with other outputs.
    fileprivate func recorded(_ outputs: [[String]], in text: String) -> String {
        var result: [String] = []
        var left = outputs[...]
        var isOutput = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
            let isCommand = line.hasPrefix("    $ ")
            if isOutput, isCommand || !line.hasPrefix("    ") && !line.hasPrefix("    > ") {
                result += (left.popFirst() ?? []).map { "    " + $0 }
                isOutput = false
            }
            if isCommand || line.hasPrefix("    > ") || !line.hasPrefix("    ") { result.append(line) }
            if isCommand { isOutput = true }
        }
        return result.joined(separator: "\n")
    }
}
