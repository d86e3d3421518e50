import FluxqHost
import FluxqTestSupport
import Foundation
import SystemPackage
import Testing

@Suite("A child program", .timeLimit(.minutes(30)))
struct ChildProgramTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func start(_ path: String, _ arguments: [String] = [], environment: [String: String] = [:]) async throws
        -> ChildProgram
    {
        let input = try FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
        let output = try FileDescriptor.open(
            FilePath(directory.path("output")), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: .ownerReadWrite)
        defer { for descriptor in [input, output] { try? descriptor.close() } }
        return try await ChildProgram(path, arguments, environment: environment, input: input, output: output)
    }

    /// What the program has written, by lines, once it has ended well.
    private func lines(_ program: ChildProgram) async throws -> [String] {
        #expect(await program.end == .exit(0))
        return try String(contentsOfFile: directory.path("output"), encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    @Test("gets the variables that it is given, and no other")
    func environment() async throws {
        let program = try await start("/usr/bin/env", environment: ["A": "1", "B": "two words = 2"])
        #expect(try await Set(lines(program)) == ["A=1", "B=two words = 2"])
    }

    @Test("gets three descriptors, even if this process has one that is not closed on exec")
    func descriptors() async throws {
        let other = try FileDescriptor.open("/dev/null", .readOnly)
        defer { try? other.close() }
        let program = try await start("/bin/sh", ["-c", "for file in /proc/$$/fd/*; do echo ${file##*/}; done"])
        // The shell's own look into the directory may be among them only while it looks.
        #expect(try await Set(lines(program)).isSubset(of: ["0", "1", "2", "3"]))
        if other.rawValue > 3 {
            let check = try await start("/bin/sh", ["-c", "test -e /proc/$$/fd/\(other.rawValue)"])
            #expect(await check.end == .exit(1))
        }
    }

    @Test("has a process group of its own")
    func processGroup() async throws {
        let lines = try await lines(start("/bin/sh", ["-c", "echo $$; exec /usr/bin/cut -d ' ' -f 5 /proc/self/stat"]))
        #expect(lines.count == 2 && lines[0] == lines[1], "\(lines)")
    }

    @Test("has no signal blocked and none ignored but the two that the C library keeps for itself")
    func signals() async throws {
        let lines = try await lines(start("/bin/grep", ["-E", "^Sig(Blk|Ign):", "/proc/self/status"]))
        let masks = lines.compactMap { $0.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } }
        try #require(masks.count == 2, "\(lines)")
        #expect(masks[0] == 0, "blocked: \(lines[0])")
        #expect(masks[1] & ~(0b11 << 31) == 0, "ignored: \(lines[1])")
    }

    @Test("ends with its exit code, or with the signal that ended it")
    func ends() async throws {
        #expect(await (try start("/bin/sh", ["-c", "exit 7"])).end == .exit(7))
        #expect(await (try start("/bin/sh", ["-c", "kill -TERM $$"])).end == .signal(SIGTERM))
    }

    @Test("is killed at once, or after its time; killing it again does nothing")
    func killed() async throws {
        let program = try await start("/bin/sleep", ["1000000"])
        program.kill()
        #expect(await program.end == .signal(SIGKILL))
        program.kill()
        let slow = try await start("/bin/sleep", ["1000000"])
        await slow.ended(within: .milliseconds(1))
        #expect(await slow.end == .signal(SIGKILL))
    }

    @Test("that is not there says so")
    func missing() async throws {
        await #expect(throws: SystemError("posix_spawn", code: .noSuchFileOrDirectory)) {
            try await start(directory.path("nothing"))
        }
    }
}
