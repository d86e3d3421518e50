import FluxqModel
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqArchive

@Suite("The write protocol, as the kernel sees it", .enabled(if: ProbeRun.canTrace), .timeLimit(.minutes(30)))
struct WriteProtocolTests {
    private let directory: TemporaryDirectory
    private let input: String

    init() throws {
        directory = try TemporaryDirectory()
        input = directory.path("picture")
        // Enough bytes for several writes.
        let bytes = Data(SamplePictures.jpeg.bytes + [UInt8](repeating: 7, count: 200_000))
        try bytes.write(to: URL(filePath: input))
    }

    @Test("open, write, read-only, fsync, rename, fsync of the directory, and only then the report")
    func order() async throws {
        let state = try TemporaryDirectory()
        let log = directory.path("log")
        // The first run creates the directories.
        _ = try await ProbeRun(directory: state.path, input: "/dev/null")
        let calls =
            "open,openat,creat,write,pwrite64,fchmod,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink"
        let run = try await ProbeRun(
            directory: state.path, input: input, tracing: ["-y", "-s", "80", "-o", log, "-e", "trace=\(calls)"])
        #expect(run.status == 0, "\(run.errorOutput)")
        let hash = run.output.trimmingCharacters(in: .newlines)
        let bucket = "\(state.path)/objects/sha256/\(hash.prefix(2))"

        let seen = try systemCalls(ofLog: log).filter { $0.contains(state.path) || $0.contains(hash) }
        var steps: [String] = []
        for call in seen {
            guard let step = Self.step(of: call, state: state.path, bucket: bucket, hash: hash) else { continue }
            if steps.last != step { steps.append(step) }
        }
        #expect(
            steps == [
                "fsync what the first start made", "new temporary file", "write it", "make it read-only", "fsync it",
                "rename it into place",
                "fsync the directory", "report",
            ], "\(seen.joined(separator: "\n"))")
    }

    @Test(
        "a picture gets its call's name before all other steps and keeps it until its row exists; no extra sync is made"
    )
    func call() async throws {
        let state = try TemporaryDirectory()
        let log = directory.path("log")
        _ = try await ProbeRun(directory: state.path, input: "/dev/null")
        let calls = "open,openat,pwrite64,fchmod,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink"
        let run = try await ProbeRun(
            directory: state.path, input: input, call: "7-1",
            tracing: ["-y", "-s", "80", "-o", log, "-e", "trace=\(calls),write"])
        #expect(run.status == 0, "\(run.errorOutput)")
        let hash = run.output.trimmingCharacters(in: .newlines)
        let bucket = "\(state.path)/objects/sha256/\(hash.prefix(2))"
        let name = "\(state.path)/incoming/7-1-0-\(hash)"
        let note = "\(state.path)/incoming/7-1.answer"

        var steps: [String] = []
        for call in try systemCalls(ofLog: log).filter({ $0.contains(state.path) || $0.contains(hash) }) {
            let step: String?
            if call.hasPrefix("rename("), call.hasSuffix("\"\(name)\") = 0") {
                step = "give it the name of its call"
            } else if call.hasPrefix("rename("), call.hasSuffix("\"\(note)\") = 0") {
                step = "note the answer"
            } else if call.hasPrefix("link(\"\(name)\"") {
                step = "link it"
            } else if call.hasPrefix("unlink(\"\(name)\") = 0") || call.hasPrefix("rename(\"\(note)\"") {
                step = "forget its call"
            } else if call.hasPrefix("unlink("), call.contains("ENOENT") || call.contains("/incoming/spare-") {
                // The store removes a name that the rename may have left, and the archive removes its spare file.
                step = nil
            } else {
                step = Self.step(of: call, state: state.path, bucket: bucket, hash: hash)
            }
            if let step, steps.last != step { steps.append(step) }
        }
        #expect(
            steps == [
                "fsync what the first start made", "new temporary file", "write it", "give it the name of its call",
                "new temporary file", "write it", "note the answer", "make it read-only", "fsync it", "link it",
                "rename it into place", "fsync the directory", "report", "forget its call",
            ])
        #expect(try state.incoming() == [])
    }

    @Test(
        "a picture of a call outlives every failing system call: the next start finds it whole",
        arguments: [
            ("link", "ENOSPC", 1 as Int32), ("link", "EIO", 2), ("fchmod", "EPERM", 1), ("utimensat", "EIO", 2),
        ])
    func failureOfCall(call: String, error: String, status: Int32) async throws {
        let state = try TemporaryDirectory()
        _ = try await ProbeRun(directory: state.path, input: "/dev/null")
        let broken = try await ProbeRun(
            directory: state.path, input: input, call: "7-1",
            tracing: [
                "-o", "/dev/null", "-e", "trace=\(call)",
                "-e", "inject=\(call):error=\(error):when=1",
            ])
        #expect(broken.status == status, "\(broken.errorOutput)")
        let left = try LocalArchive(directory: state.path).spool.leftAnswers
        #expect(left.map(\.call.description) == ["call 1 of job 7"] && left.first?.pictures.count == 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: state.path("incoming"))
        #expect(names.count == 2, "\(names)")
    }

    @Test("known content needs the same system calls as new content, so that their time reveals nothing")
    func sameForKnown() async throws {
        let state = try TemporaryDirectory()
        _ = try await ProbeRun(directory: state.path, input: "/dev/null")
        func calls() async throws -> [String] {
            let log = directory.path("log-\(UUID().uuidString)")
            let run = try await ProbeRun(
                directory: state.path, input: input, tracing: ["-y", "-s", "0", "-o", log, "-e", "trace=%file,%desc"])
            #expect(run.status == 0, "\(run.errorOutput)")
            // Compares only names of calls, from the temporary file on: numbers and file names differ between any two
            // runs.
            return try systemCalls(ofLog: log).filter { $0.contains(state.path) && !$0.contains("O_DIRECTORY") }
                .map { String($0.prefix { $0 != "(" }) }
        }
        let new = try await calls()
        let known = try await calls()
        #expect(new.contains("rename") && new == known)
    }

    /// Returns the protocol step of a call, or an unexpected call unchanged. Reading a directory changes nothing: nil.
    private static func step(of call: String, state: String, bucket: String, hash: String) -> String? {
        func isAbout(_ name: String, _ path: String) -> Bool {
            call.hasPrefix(name) && call.contains(path) && !call.hasSuffix("= -1")
        }
        let incoming = "\(state)/incoming/"
        if call.hasPrefix("open"), call.contains("O_DIRECTORY") { return nil }
        if isAbout("open", incoming), call.contains("O_CREAT|O_EXCL|O_CLOEXEC, 0600") { return "new temporary file" }
        let tree = [state, "\(state)/objects", "\(state)/objects/sha256"]
        if tree.contains(where: { isAbout("fsync(", "<\($0)>) ") }) { return "fsync what the first start made" }
        if isAbout("pwrite64(", "<\(incoming)") { return "write it" }
        if isAbout("fchmod(", "<\(incoming)"), call.contains(", 0400) = 0") { return "make it read-only" }
        if isAbout("fsync(", "<\(incoming)"), call.hasSuffix("= 0") { return "fsync it" }
        if isAbout("rename(\"\(incoming)", ", \"\(bucket)/\(hash)\") = 0") { return "rename it into place" }
        if isAbout("fsync(", "<\(bucket)>) "), call.hasSuffix("= 0") { return "fsync the directory" }
        if isAbout("write(1<", hash) { return "report" }
        return call
    }

    @Test(
        "A failing system call is reported, leaves nothing half done, and the next try succeeds",
        arguments: [
            ("fsync", "EIO", 1, 2 as Int32), ("fsync", "EIO", 2, 2), ("fsync", "ENOSPC", 1, 1),
            ("rename", "ENOSPC", 1, 1),
            ("rename", "EIO", 1, 2), ("fchmod", "EPERM", 1, 1), ("utimensat", "EIO", 1, 2),
        ])
    func failure(call: String, error: String, occurrence: Int, status: Int32) async throws {
        let state = try TemporaryDirectory()
        _ = try await ProbeRun(directory: state.path, input: "/dev/null")
        let broken = try await ProbeRun(
            directory: state.path, input: input,
            tracing: [
                "-o", "/dev/null", "-e", "trace=\(call)",
                "-e", "inject=\(call):error=\(error):when=\(occurrence)",
            ])
        #expect(broken.status == status, "\(broken.errorOutput)")
        #expect(broken.output == "")
        #expect(try FileManager.default.contentsOfDirectory(atPath: state.path("incoming")) == [])

        let next = try await ProbeRun(directory: state.path, input: input)
        #expect(next.status == 0, "\(next.errorOutput)")
        #expect(next.output.count == 65)
    }

    @Test("System calls interrupted by a signal are repeated")
    func interrupted() async throws {
        let state = try TemporaryDirectory()
        let run = try await ProbeRun(
            directory: state.path, input: input,
            tracing: [
                "-o", "/dev/null", "-e", "trace=fsync,rename,fchmod,utimensat",
                "-e", "inject=fsync,rename,fchmod,utimensat:error=EINTR:when=1+2",
            ])
        #expect(run.status == 0, "\(run.errorOutput)")
    }

    @Test("no removal deletes content that is being stored again, even if it pauses between check and deletion")
    func removalAgainstStore() async throws {
        let state = try TemporaryDirectory()
        let first = try await ProbeRun(directory: state.path, input: input)
        let hash = first.output.trimmingCharacters(in: .newlines)
        let path = "\(state.path)/objects/sha256/\(hash.prefix(2))/\(hash)"
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: path)
        // Half a second between the removal's check of the file's age and its unlink: enough for the store's rename.
        let run = try await ProbeRun(
            directory: state.path, input: input, removing: hash,
            tracing: ["-o", "/dev/null", "-e", "trace=unlink", "-e", "inject=unlink:delay_enter=500000"])
        #expect(run.status == 0, "\(run.errorOutput)")
        #expect(FileManager.default.fileExists(atPath: path))
    }

    @Test("sha256sum alone can check the archive")
    func checksum() async throws {
        let state = try TemporaryDirectory()
        let run = try await ProbeRun(directory: state.path, input: input)
        let hash = run.output.trimmingCharacters(in: .newlines)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/sha256sum")
        process.arguments = ["\(state.path)/objects/sha256/\(hash.prefix(2))/\(hash)"]
        process.standardOutput = output
        try process.run()
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(text.hasPrefix("\(hash)  "))
    }
}
