import FluxqTestSupport
import Foundation
import Testing

@Suite("The command line of a submit", .timeLimit(.minutes(30)))
struct CommandLineTests {
    /// A daemon with a picture `a.png` in its directory.
    private func daemon(_ environment: [String: String] = [:]) async throws -> RunningDaemon {
        let daemon = try await RunningDaemon(environment: environment)
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: daemon.directory.path("a.png")))
        return daemon
    }

    private func prompts(_ daemon: RunningDaemon) async throws -> [String] {
        let list = try await daemon.shell(#"fluxq list --json"#)
        let jobs = try #require(
            try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]])
        return jobs.compactMap { ($0["request"] as? [String: Any])?["prompt"] as? String }.reversed()
    }

    @Test("a prompt that begins with a dash is queued, and a number printed")
    func dashes() async throws {
        let daemon = try await daemon()
        let dashed = [
            "- brighten the shadows", "-50% brightness", "- [ ] whiten teeth", "-h2o splash", "--no text", "-h",
        ]
        for (place, prompt) in dashed.enumerated() {
            let run = try await daemon.fluxq(
                "submit", "--image", daemon.directory.path("a.png"), "--at", "2100-01-01T00:00:00Z", "--label", "-high",
                "--", prompt)
            #expect(run.end == .exit(0) && run.output == "\(place + 1)\n", "\(run.errors)")
        }
        #expect(try await prompts(daemon) == dashed)
        let help = try await daemon.shell("fluxq submit --image a.png -h")
        #expect(help.end == .exit(64) && help.output.isEmpty)
    }

    @Test("a prompt comes from a file or standard input as well, and from one place only")
    func promptFiles() async throws {
        let daemon = try await daemon()
        let at = "fluxq submit --at 2100-01-01T00:00:00Z"
        let run = try await daemon.shell(
            """
            printf '%s\\n' '- from a file' >p.txt
            \(at) --image a.png --prompt-file p.txt &&
            echo 'from a pipe' | \(at) --image a.png - &&
            echo 'from a pipe too' | \(at) --image a.png --prompt-file - &&
            \(at) --image - --prompt-file p.txt <a.png
            """)
        #expect(run.end == .exit(0) && run.lines == ["1", "2", "3", "4"], "\(run.errors)")
        #expect(try await prompts(daemon) == ["- from a file", "from a pipe", "from a pipe too", "- from a file"])
        for wrong in [
            "--prompt-file p.txt again", "--image - -", "--image - --prompt-file -", "", "--prompt-file p.txt -",
            "--prompt-file p.txt --prompt-file p.txt",
        ] {
            let run = try await daemon.shell("fluxq submit \(wrong) <a.png")
            #expect(run.end == .exit(64), "\(wrong): \(run.errors)")
        }
        #expect(try await daemon.shell("fluxq submit --image a.png --prompt-file none.txt").end == .exit(66))
    }

    @Test("the arguments of a fluxq that waits show its verb and nothing else")
    func hidden() async throws {
        let daemon = try await daemon()
        let process = try ChildProcess(
            RunningDaemon.executable("fluxq"),
            [
                "submit", "--socket", daemon.socket, "--image", daemon.directory.path("a.png"), "--wait", "--label",
                "client-X", "make Dr. Miller's patient look healthy sandbox:until=go",
            ], environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
        try await daemon.waitForEvent("claimed")
        let words = try String(contentsOfFile: "/proc/\(process.id)/cmdline", encoding: .utf8)
            .split(separator: "\0")
        #expect(words.dropFirst() == ["submit"])
        #expect(try await prompts(daemon).first?.hasPrefix("make Dr. Miller") == true)
        try daemon.letSandboxAnswer("go")
        #expect(await process.wait() == .exit(0), "\(process.errors)")
    }

    @Test("text that is not UTF-8 is refused, and paths are bytes")
    func bytes() async throws {
        let daemon = try await daemon()
        let run = try await daemon.shell(
            #"""
            fluxq submit --image a.png "$(printf 'F\374ge Schnee hinzu')"; echo $?
            fluxq submit --image a.png --label "$(printf 'M\374ller')" x; echo $?
            cp a.png "$(printf 'M\374ller.png')"
            mkdir "$(printf 'caf\351')"
            fluxq submit --image M*ller.png --output caf* x | od -An -c | tr -d ' \n'; echo
            ls | grep -c caf
            fluxq fetch 1 --output caf* | od -An -c | tr -d ' \n'; echo
            fluxq fetch 1 --output caf* --json | grep -o 'path_base64":"[^"]*'
            """#)
        #expect(
            run.lines == [
                "65", "65", #"1\ncaf351/1-1.png\n"#, "1", #"caf351/1-1.png\n"#, "path_base64\":\"Y2Fm6S8xLTEucG5n",
            ], "\(run.output) \(run.errors)")
        #expect(try daemon.ledger().count == 1)
    }

    @Test("a picture in another format is named, with a command that converts it, before anything is sent")
    func foreign() async throws {
        let daemon = try await daemon()
        let files: [(name: String, bytes: [UInt8], format: String, command: String)] = [
            ("IMG 1.jpg", [0, 0, 0, 24] + Array("ftypheic".utf8) + [0, 0, 0, 0], "HEIC", "heif-convert '/"),
            ("scan.tif", [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0], "TIFF", "convert "),
            ("x.jxl", [0xFF, 0x0A, 0, 0], "JPEG XL", "djxl "), ("x.psd", Array("8BPS".utf8) + [0, 1], "PSD", "[0]"),
            ("x.bmp", Array("BM".utf8) + [9, 9, 0, 0, 0, 0, 0, 0], "BMP", "convert "),
            ("x.raf", Array("FUJIFILMCCD-RAW 0201".utf8), "camera raw", "darktable-cli "),
        ]
        for file in files {
            try Data(file.bytes + [UInt8](repeating: 0, count: 4000)).write(
                to: URL(filePath: daemon.directory.path(file.name)))
            let run = try await daemon.fluxq("submit", "--image", daemon.directory.path(file.name), "x")
            #expect(run.end == .exit(65))
            for word in ["\(file.name) is \(file.format)", file.command] {
                #expect(run.errors.contains(word), "\(word): \(run.errors)")
            }
        }
        #expect(try daemon.ledger().isEmpty)
    }

    @Test("Ctrl-C while a job is waited for says that it continues")
    func interrupted() async throws {
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let daemon = try await daemon()
            let process = try ChildProcess(
                RunningDaemon.executable("fluxq"),
                [
                    "submit", "--socket", daemon.socket, "--image", daemon.directory.path("a.png"), "--wait",
                    "x sandbox:until=go",
                ], environment: RunningDaemon.baseEnvironment, directory: daemon.directory.path)
            try await daemon.waitForEvent("claimed")
            try await Observation.wait { process.output == "1\n" }
            process.send(signal)
            #expect(await process.wait() == .exit(128 + signal))
            #expect(process.errors.contains("job 1 is queued and continues"), "\(process.errors)")
        }
    }
}
