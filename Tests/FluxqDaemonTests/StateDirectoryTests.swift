import FluxqHost
import FluxqTestSupport
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FluxqDaemon

@Suite struct StateDirectoryTests {
    private let temporary: TemporaryDirectory
    private var path: String { temporary.path("state") }

    init() throws {
        temporary = try TemporaryDirectory()
    }

    private func refusal(_ path: String) -> StateDirectoryError? {
        do throws(StateDirectoryError) {
            try StateDirectory.open(path: path).release()
            return nil
        } catch { return error }
    }

    @Test("a missing directory is created for fluxqd only")
    func makes() throws {
        let state = try StateDirectory.open(path: path)
        defer { state.release() }
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o7777 == 0o700)
        #expect(try String(contentsOfFile: "\(path)/lock", encoding: .utf8) == "\(getpid())\n")
    }

    @Test("the lock is not inherited by programs that fluxqd might start")
    func closesOnExec() throws {
        let state = try StateDirectory.open(path: path)
        defer { state.release() }
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap(Int32.init)
        let locks = descriptors.filter { descriptor in
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            return target == "\(path)/lock"
        }
        #expect(locks.count == 1)
        #expect(locks.allSatisfy { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 })
    }

    @Test("a second opening is refused with the first one's process id, until that one releases the lock")
    func secondOpening() throws {
        let state = try StateDirectory.open(path: path)
        #expect(refusal(path) == .inUse(path: path, processID: getpid()))
        state.release()
        state.release()
        #expect(refusal(path) == nil)
    }

    @Test(
        "a lock that another process holds is respected, and free once that process is gone", .timeLimit(.minutes(30)))
    func otherProcess() throws {
        #expect(refusal(path) == nil)
        let holder = Process()
        holder.executableURL = URL(filePath: "/usr/bin/flock")
        holder.arguments = ["\(path)/lock", "sh", "-c", "echo 4242 > '\(path)/lock'; echo locked; exec cat"]
        let input = Pipe()
        let output = Pipe()
        holder.standardInput = input
        holder.standardOutput = output
        try holder.run()
        #expect(output.fileHandleForReading.availableData == Data("locked\n".utf8))

        let error = try #require(refusal(path))
        #expect(
            "\(error)"
                == "State directory \(path) is in use by fluxqd with process id 4242. Stop that one first, or name "
                + "another with --state-directory.")
        try input.fileHandleForWriting.close()
        holder.waitUntilExit()
        #expect(refusal(path) == nil)
    }

    @Test("a longer process id in the lock file is overwritten completely")
    func leftover() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        chmod(path, 0o700)
        try Data("99999999999999\n".utf8).write(to: URL(filePath: "\(path)/lock"))
        let state = try StateDirectory.open(path: path)
        defer { state.release() }
        #expect(refusal(path) == .inUse(path: path, processID: getpid()))
    }

    @Test("a directory that another user could have prepared is refused", arguments: [0o720, 0o702, 0o777, 0o1777])
    func writableByOthers(mode: mode_t) throws {
        mkdir(path, 0o700)
        chmod(path, mode)
        #expect(refusal(path) == .writableByOthers(path: path))
    }

    @Test("a path that is not a directory, or has no parent, is refused")
    func noDirectory() throws {
        try Data().write(to: URL(filePath: path))
        #expect(refusal(path) == .notADirectory(path: path))
        #expect(refusal("\(path)/below") == .notADirectory(path: "\(path)/below"))
        let deep = temporary.path("a/b")
        #expect(refusal(deep) == .parentMissing(path: deep))
    }

    @Test("a lock that is a symbolic link is not followed")
    func symbolicLink() throws {
        mkdir(path, 0o700)
        try FileManager.default.createSymbolicLink(
            atPath: "\(path)/lock", withDestinationPath: temporary.path("target"))
        guard case .failed(_, let error)? = refusal(path) else {
            Issue.record("followed")
            return
        }
        #expect(error.code == .tooManySymbolicLinkLevels)
        #expect(!FileManager.default.fileExists(atPath: temporary.path("target")))
    }

    @Test("another user's directory is refused", .enabled(if: geteuid() == 0))
    func otherOwner() throws {
        mkdir(path, 0o700)
        #expect(chown(path, 4242, 4242) == 0)
        #expect(refusal(path) == .ownedByAnother(path: path, owner: 4242, daemon: 0))
    }

    @Test("a missing permission to write is reported")
    func notWritable() async {
        await #expect(processExitsWith: .success) {
            let temporary = try TemporaryDirectory()
            let own = temporary.path("own")
            let locked = temporary.path("locked")
            #expect(mkdir(own, 0o500) == 0)
            #expect(mkdir(locked, 0o500) == 0)
            if geteuid() == 0 { #expect(chown(own, Unprivileged.uid, Unprivileged.uid) == 0) }
            Unprivileged.run {
                for path in [own, "\(locked)/state"] {
                    #expect(throws: StateDirectoryError.notWritable(path: path)) { try StateDirectory.open(path: path) }
                }
            }
        }
    }

    @Test("a read-only file system is named as the reason", .enabled(if: SmallFileSystem.isPossible))
    func readOnly() throws {
        let mount = try SmallFileSystem(at: temporary.path("mount"), isReadOnly: true)
        defer { mount.remove() }
        #expect(refusal(mount.path) == .readOnlyFileSystem(path: mount.path))
        let below = "\(mount.path)/state"
        #expect(refusal(below) == .readOnlyFileSystem(path: below))
    }

    @Test(
        "on a full file system a directory that was in use before still opens", .enabled(if: SmallFileSystem.isPossible)
    )
    func full() throws {
        let mount = try SmallFileSystem(at: temporary.path("mount"), isReadOnly: false)
        defer { mount.remove() }
        try StateDirectory.open(path: mount.path).release()
        let filler = open("\(mount.path)/filler", O_WRONLY | O_CREAT, 0o600)
        defer { close(filler) }
        let page = [UInt8](repeating: 1, count: 4096)
        while write(filler, page, page.count) > 0 {}
        #expect(errno == ENOSPC)
        #expect(refusal(mount.path) == nil)
        // Also without room for the process id.
        #expect(truncate("\(mount.path)/lock", 0) == 0)
        while write(filler, page, page.count) > 0 {}
        let state = try StateDirectory.open(path: mount.path)
        defer { state.release() }
        #expect(refusal(mount.path) == .inUse(path: mount.path, processID: nil))
    }

    @Test("systemd's directory comes before the usual one")
    func defaultPath() {
        #expect(StateDirectory.defaultPath(environment: [:]) == "/var/lib/fluxq")
        #expect(StateDirectory.defaultPath(environment: ["STATE_DIRECTORY": ""]) == "/var/lib/fluxq")
        #expect(StateDirectory.defaultPath(environment: ["STATE_DIRECTORY": "/a"]) == "/a")
        #expect(StateDirectory.defaultPath(environment: ["STATE_DIRECTORY": "/a:/b"]) == "/a")
    }

    @Test("every refusal says what to do")
    func remedies() {
        let errors: [StateDirectoryError] = [
            .parentMissing(path: "/s"), .notADirectory(path: "/s"), .notWritable(path: "/s"),
            .readOnlyFileSystem(path: "/s"), .noSpace(path: "/s"), .ownedByAnother(path: "/s", owner: 1, daemon: 2),
            .writableByOthers(path: "/s"), .inUse(path: "/s", processID: 1), .inUse(path: "/s", processID: nil),
            .failed(path: "/s", SystemError("open", code: .ioError)),
        ]
        for error in errors {
            #expect("\(error)".hasPrefix("State directory /s "))
            #expect("\(error)".contains(/Make|Name|name|hand|chmod/))
        }
    }
}

/// A file system for one test, with room for four pages. Needs the right to mount.
private struct SmallFileSystem {
    let path: String

    init(at path: String, isReadOnly: Bool) throws {
        self.path = path
        try #require(mkdir(path, 0o700) == 0)
        try #require(mount("none", path, "tmpfs", isReadOnly ? UInt(MS_RDONLY) : 0, "size=16k,mode=0700") == 0)
    }

    func remove() {
        #expect(umount2(path, Int32(MNT_DETACH)) == 0)
    }

    static let isPossible: Bool = {
        guard geteuid() == 0, let temporary = try? TemporaryDirectory() else { return false }
        guard mount("none", temporary.path, "tmpfs", 0, nil) == 0 else { return false }
        return umount2(temporary.path, Int32(MNT_DETACH)) == 0
    }()
}
