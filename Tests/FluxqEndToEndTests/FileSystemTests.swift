import FluxqTestSupport
import Foundation
import Testing

/// File systems that lack features, simulated by strace: each call fails as on such a file system.
@Suite(
    "File systems without hard links and without a sync of directories", .timeLimit(.minutes(30)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/strace")))
struct FileSystemTests {
    static let lacks = [
        // FAT: no hard links, and no conditional renames.
        "inject=link,linkat:error=EPERM -e inject=renameat2:error=EINVAL",
        "inject=link,linkat:error=EOPNOTSUPP -e inject=renameat2:error=ENOSYS -e inject=fsync:error=EINVAL",
        // Conditional renames work, but without /proc an unnamed file cannot get a name.
        "inject=link,linkat:error=EPERM -e inject=access,faccessat,faccessat2:error=ENOENT",
        "inject=link,linkat:error=EPERM -e inject=renameat2:error=EINVAL "
            + "-e inject=access,faccessat,faccessat2:error=ENOENT",
    ]

    private func daemon() async throws -> RunningDaemon {
        let daemon = try await RunningDaemon()
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: daemon.directory.path("a.png")))
        let run = try await daemon.shell("fluxq submit --image a.png --wait x")
        #expect(run.end == .exit(0), "\(run.errors)")
        return daemon
    }

    @Test("a picture is fetched, never over another file, and nothing else is left", arguments: lacks)
    func fetch(_ lack: String) async throws {
        let daemon = try await daemon()
        let fetch = "strace -f -qq -o log -e \(lack) fluxq fetch 1 --output out"
        let run = try await daemon.shell("\(fetch) && \(fetch) && ls -A out")
        #expect(run.end == .exit(0), "\(run.errors)")
        #expect(run.lines == ["out/1-1.png", "out/1-1.png", "1-1.png"])
        let refused = try await daemon.shell("echo mine >out/1-1.png; \(fetch); echo $?; cat out/1-1.png; ls -A out")
        #expect(refused.lines == ["65", "mine", "1-1.png"], "\(refused.errors)")
    }

    @Test("a backup is written, as a file and as a directory", arguments: lacks.prefix(2))
    func backup(_ lack: String) async throws {
        let daemon = try await daemon()
        // The files themselves can be synced.
        let links = lack.replacing(" -e inject=fsync:error=EINVAL", with: "")
        let run = try await daemon.shell(
            """
            strace -f -qq -o log -e \(links) fluxqd backup --state-directory state copy.tar && tar -tf copy.tar | grep -c sha256/../ &&
            mkdir -p copy/objects/sha256 &&
            strace -f -qq -o log -P "$PWD/copy" -P "$PWD/copy/objects" -P "$PWD/copy/objects/sha256" \
            -e inject=fsync:error=EINVAL fluxqd backup --state-directory state copy && grep -c INJECTED log
            """)
        #expect(run.end == .exit(0), "\(run.errors)")
    }

    /// A daemon that never sends a complete picture.
    private func endless(_ directory: TemporaryDirectory) throws -> ScriptedDaemon {
        let job = """
            {"id":1,"state":"done","owner":"alice","uid":0,"priority":0,"created_at":"2026-11-22T10:00:00.123Z",
             "attempts":1,"request":{"model":"m","prompt":"p","seed":7,"response_format":"url"},"images":[{"index":1,
             "hash":"sha256:\(String(repeating: "a", count: 64))","media_type":"image/png","width":2,"height":3,"bytes":900}]}
            """
        return try ScriptedDaemon(
            directory.path("s"),
            [
                { peer in
                    _ = try peer.readHead()
                    try peer.answer("200 OK", job)
                    _ = try peer.readHead()
                    try peer.send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nhalf")
                    try Data().write(to: URL(filePath: directory.path("begun")))
                    peer.readToEnd()
                }
            ])
    }

    @Test(
        "a fetch that is ended in the middle leaves nothing behind",
        arguments: [
            ("", SIGINT), ("", SIGTERM), ("", SIGHUP), ("", SIGKILL),
            ("strace -f -qq -o log -e inject=access,faccessat,faccessat2:error=ENOENT", SIGINT),
            ("strace -f -qq -o log -e inject=access,faccessat,faccessat2:error=ENOENT", SIGTERM),
        ])
    func interrupted(_ tracer: String, _ signal: Int32) async throws {
        let directory = try TemporaryDirectory()
        _ = try endless(directory)
        var environment = RunningDaemon.baseEnvironment
        environment["FLUXQ_SOCKET"] = directory.path("s")
        let fluxq = RunningDaemon.executable("fluxq")
        let process = try ChildProcess(
            "sh",
            ["-c", "cd '\(directory.path)' && \(tracer) sh -c 'echo $$ >pid; exec \(fluxq) fetch 1 --output out'"],
            environment: environment, directory: directory.path)
        try await Observation.wait { FileManager.default.fileExists(atPath: directory.path("begun")) }
        let pid = try String(contentsOfFile: directory.path("pid"), encoding: .utf8)
        kill(try #require(pid_t(pid.trimmingCharacters(in: .whitespacesAndNewlines))), signal)
        #expect(await process.wait() != .exit(0))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path("out")).isEmpty)
    }
}
