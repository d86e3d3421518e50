import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
import FluxqWords
import Foundation
import Testing

@testable import FluxqMaintenance

@Suite("A backup", .timeLimit(.minutes(30)))
struct StateBackupTests {
    private let files = FileManager.default

    private func mode(_ path: String) throws -> Int? {
        (try files.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber)?.intValue
    }

    @Test("holds every row and every file, for its owner alone, and a check of it finds nothing")
    func whole() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let path = state.directory.path("backup")
        let summary = try await state.backUp(to: path)
        #expect(summary.files == 2 && summary.copied == 2 && summary.damaged == [])
        #expect(Set(try files.contentsOfDirectory(atPath: path)) == ["queue.sqlite", "objects", "incoming"])
        #expect(try mode(path) == 0o700)
        #expect(try await state.check(path).findings == [])
        #expect(try await state.check(path).files == 2)
        let restored = try StateFixture.Restored(path, now: state.now)
        #expect(try await restored.store.job(id, uid: 1000) == state.job(id))
    }

    @Test("into the same directory copies only what is new, and keeps the previous one until the new one is complete")
    func incremental() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        try await state.done([.png, .jpeg])
        let second = try await state.backUp(to: path)
        #expect(second.files == 2 && second.copied == 1)
        #expect(try await state.check(path).jobs == 2)

        // An interrupted backup has left the database of the previous one.
        #expect(files.createFile(atPath: "\(path)/queue.sqlite.unfinished", contents: Data([1])))
        #expect(try await state.check(path).jobs == 2)
        #expect(try await state.backUp(to: path).copied == 0)
    }

    @Test("into a file is the same, packed; an existing file is left alone")
    func packed() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let path = state.directory.path("backup.tar")
        _ = try await state.backUp(to: path)
        #expect(
            try files.contentsOfDirectory(atPath: state.directory.path).filter { $0.hasPrefix("backup") } == [
                "backup.tar"
            ])
        await #expect(throws: StateBackup.Refusal.alreadyThere(path)) { try await state.backUp(to: path) }

        let unpacked = state.directory.path("unpacked")
        try files.createDirectory(atPath: unpacked, withIntermediateDirectories: false)
        let tar = try ChildProcess(
            "tar", ["-xf", path, "-C", unpacked], environment: RunningDaemon.baseEnvironment,
            directory: state.directory.path)
        #expect(await tar.wait() == .exit(0))
        #expect(try await state.check(unpacked).findings == [])
        #expect(try await state.check(unpacked).files == 1)
    }

    @Test("is refused if the directory holds other files, a state directory, or another database")
    func refused() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let other = state.directory.path("other")
        try files.createDirectory(atPath: other, withIntermediateDirectories: false)
        #expect(files.createFile(atPath: "\(other)/thesis.txt", contents: Data([1])))
        await #expect(throws: StateBackup.Refusal.notABackup(other)) { try await state.backUp(to: other) }
        #expect(try files.contentsOfDirectory(atPath: other) == ["thesis.txt"])

        let foreign = state.directory.path("foreign")
        try files.createDirectory(atPath: foreign, withIntermediateDirectories: false)
        #expect(files.createFile(atPath: "\(foreign)/queue.sqlite", contents: Data("not a database".utf8)))
        await #expect(throws: StateBackup.Refusal.notABackup(foreign)) { try await state.backUp(to: foreign) }

        // The state directory itself, and a backup that was restored and started.
        let live = state.directory.path
        await #expect(throws: StateBackup.Refusal.notABackup(live)) { try await state.backUp(to: live) }
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        #expect(files.createFile(atPath: "\(path)/lock", contents: nil))
        // A repair of the backup has left that file; it is still a backup.
        #expect(try await state.backUp(to: path).files == 1)
        let restored = try StateFixture.Restored(path, now: state.now)
        _ = try await restored.store.recover()
        // While the state is open, and after it was closed.
        await #expect(throws: StateBackup.Refusal.isTheState(path)) { try await state.backUp(to: path) }
        try restored.store.close()
        await #expect(throws: StateBackup.Refusal.isTheState(path)) { try await state.backUp(to: path) }
        await #expect(throws: StateBackup.Refusal.self) { try await state.backUp(to: "/proc/backup") }
    }

    @Test(
        "is refused if another user can write there or redirect its path, and nothing is written or removed")
    func untrusted() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let root = state.directory.path("places")
        try files.createDirectory(
            atPath: root, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        func place(_ name: String, mode: Int, owner: UInt32? = nil) throws -> String {
            let path = "\(root)/\(name)"
            try files.createDirectory(atPath: path, withIntermediateDirectories: false)
            #expect(files.createFile(atPath: "\(path)/thesis.txt", contents: Data([1])))
            if let owner { try #require(chown(path, owner, owner) == 0) }
            try #require(chmod(path, mode_t(mode)) == 0)
            return path
        }
        let open = try place("open", mode: 0o777)
        let group = try place("group", mode: 0o775)
        let sticky = try place("sticky", mode: 0o1777)
        let own = try place("own", mode: 0o700)
        try files.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: own)
        try files.createSymbolicLink(atPath: "\(root)/dangling", withDestinationPath: "\(root)/nowhere")
        var paths = [
            open, group, "\(open)/b.tar", "\(group)/b.tar", "\(sticky)/b.tar", "\(open)/b", "\(group)/a/b.tar",
            "\(root)/link", "\(root)/dangling",
        ]
        if geteuid() == 0 {
            let theirs = try place("theirs", mode: 0o700, owner: 4321)
            paths += [theirs, "\(theirs)/b.tar", "\(theirs)/b", "\(theirs)/../own/b.tar"]
            // A link of another user in a directory that everyone may write.
            let link = "\(sticky)/link"
            try files.createSymbolicLink(atPath: link, withDestinationPath: own)
            try #require(lchown(link, 4321, 4321) == 0)
            paths += ["\(link)/b.tar", "\(link)/b"]
        }
        let before = try Set(files.subpathsOfDirectory(atPath: root))
        for path in paths {
            await #expect(throws: StateBackup.Refusal.self, "\(path)") { try await state.backUp(to: path) }
        }
        #expect(try Set(files.subpathsOfDirectory(atPath: root)) == before)
        // A link of the caller on the way, and a sticky directory of root, are accepted.
        try files.createDirectory(
            atPath: "\(own)/backups", withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        _ = try await state.backUp(to: "\(root)/link/backups/b.tar")
        _ = try await state.backUp(to: "\(root)/link/backups/b/")
        #expect(try Set(files.contentsOfDirectory(atPath: "\(own)/backups")) == ["b", "b.tar"])
    }

    @Test("follows no link in its target directory, and opens only regular files there")
    func planted() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let target = state.directory.path("target")
        try files.createDirectory(atPath: target, withIntermediateDirectories: false)
        #expect(files.createFile(atPath: "\(target)/thesis.txt", contents: Data([1])))
        for name in ["incoming", "objects", "damaged", "stray", "objects/sha256", "objects/sha256/0f"] {
            let path = state.directory.path("to-\(name.replacing("/", with: "-"))")
            let above = ("\(path)/\(name)" as NSString).deletingLastPathComponent
            try files.createDirectory(atPath: above, withIntermediateDirectories: true)
            try files.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: target)
            await #expect(throws: StateBackup.Refusal.self, "\(name)") { try await state.backUp(to: path) }
        }
        for name in ["queue.sqlite", "queue.sqlite.unfinished", "lock"] {
            let path = state.directory.path("file-\(name)")
            try files.createDirectory(atPath: path, withIntermediateDirectories: false)
            try files.createSymbolicLink(atPath: "\(path)/\(name)", withDestinationPath: "\(target)/thesis.txt")
            do { _ = try await state.backUp(to: path) } catch is StateBackup.Refusal {}
        }
        let path = state.directory.path("fifo")
        try files.createDirectory(atPath: path, withIntermediateDirectories: false)
        try #require(mkfifo("\(path)/queue.sqlite", 0o600) == 0)
        await #expect(throws: StateBackup.Refusal.self) { try await state.backUp(to: path) }
        #expect(try files.contentsOfDirectory(atPath: target) == ["thesis.txt"])
        #expect(files.contents(atPath: "\(target)/thesis.txt") == Data([1]))
    }

    @Test("that fails on the way leaves no packed file, and an earlier directory unchanged")
    func brokenOff() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let place = state.directory.path("place")
        try files.createDirectory(
            atPath: place, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        _ = try await state.backUp(to: "\(place)/b")
        let database = try Data(contentsOf: URL(filePath: "\(place)/b/queue.sqlite"))
        for path in ["\(place)/b", "\(place)/b.tar"] {
            for talk in [
                "", "backup\n", "backup\ndatabase 9\n123", "backup\ndatabase 3\n123failed so it is\n",
                "backup\ndatabase 3\n123file x 5\n", "backup\ndatabase -3\n", "\n\n\n",
                String(repeating: "x", count: 9999),
            ] {
                var pair: [CInt] = [-1, -1]
                try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
                defer { for descriptor in pair { close(descriptor) } }
                try #require(send(pair[1], talk, talk.utf8.count, 0) == talk.utf8.count)
                // The other half cannot receive anything from the backup, and sends nothing more.
                shutdown(pair[1], CInt(SHUT_RDWR))
                await #expect(throws: StateBackup.Refusal.self, "\(talk)") {
                    try await StateBackup(from: BackupStream(pair[0])).write(to: path)
                }
            }
        }
        #expect(try files.contentsOfDirectory(atPath: place) == ["b"])
        #expect(try Data(contentsOf: URL(filePath: "\(place)/b/queue.sqlite")) == database)
        #expect(try await state.backUp(to: "\(place)/b").files == 1)
    }

    @Test("leaves out damaged files, and reports them")
    func damaged() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let hash = try #require(try await state.job(id).pictures[0].hash)
        try state.flipBit(of: hash)
        let path = state.directory.path("backup")
        #expect(try await state.backUp(to: path).damaged == [hash])
        #expect(try await state.check(path).findings.map(\.kind) == [.missingFile])
    }

    @Test("copies files again that are damaged in the backup, and keeps old copies of those damaged in the archive")
    func verified() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let hashes = try await state.job(id).pictures.compactMap(\.hash)
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        let copy = "\(path)/objects/sha256/\(hashes[0].hex.prefix(2))/\(hashes[0].hex)"
        var bytes = try Data(contentsOf: URL(filePath: copy))
        let whole = bytes
        bytes[bytes.count / 2] ^= 1
        try files.removeItem(atPath: copy)
        try bytes.write(to: URL(filePath: copy))
        try files.removeItem(atPath: state.path(hashes[1]))

        // A comparison of sizes does not find this.
        #expect(try await state.backUp(to: path, scrutiny: .sizes).mended == [])
        let summary = try await state.backUp(to: path)
        #expect(summary.mended == [hashes[0]] && summary.copied == 1)
        #expect(summary.onlyHere == [hashes[1]] && summary.damaged == [] && summary.files == 2)
        #expect(try Data(contentsOf: URL(filePath: copy)) == whole)
        #expect(try await state.check(path).findings == [])
        // Whole neither in the archive nor in the backup.
        try bytes.write(to: URL(filePath: state.path(hashes[0])), options: [])
        try files.removeItem(atPath: copy)
        #expect(try await state.backUp(to: path).damaged == [hashes[0]])
    }

    @Test("that is restored uses no number twice, for jobs or events")
    func numbers() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        let lost = try await state.submit()
        let newest = try await state.store.newestEvent()
        let owner = StateFixture.alice
        let restored = try StateFixture.Restored(path, now: state.now + .seconds(3600))
        _ = try await restored.store.recover()
        guard
            case .created(let job) = try await restored.store.submit(
                .init(owner: owner, request: state.job(lost).request))
        else {
            Issue.record("no job")
            return
        }
        #expect(job.id.rawValue > lost.rawValue + 1_000_000)
        #expect(try await restored.store.newestEvent() > newest + 1_000_000)
    }

    @Test("that is restored resends nothing that may have been called since, and continues paid work")
    func restored() async throws {
        let state = try StateFixture()
        // One job that is archiving, one that is calling, and four that are queued.
        try await state.submit()
        try await state.answer(
            state.claim(), [.link("https://example.org/1.png", deadline: state.now + .seconds(86_400))])
        try await state.submit()
        _ = try await state.claim()
        let queued = try await state.submit()
        let willing = try await state.submit(onUnknown: .retry)
        let due = try await state.submit(notBefore: state.now + .seconds(60))
        let later = try await state.submit(notBefore: state.now + .seconds(86_400))
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)

        let restored = try StateFixture.Restored(path, now: state.now + .seconds(3600))
        #expect(try await restored.store.recover().map(\.rawValue) == [2, 3, 4, 5, 6])
        var states: [String] = []
        for id in 1...6 {
            let job = try #require(try await restored.store.job(JobID(rawValue: Int64(id)), uid: 1000))
            states.append(JobState(job.lifecycle.state).rawValue)
            if case .failed(let failure) = job.lifecycle.state { #expect(failure.reason == .outcomeUnknown) }
            if job.id == queued, case .failed(let failure) = job.lifecycle.state {
                #expect(failure.message.words.contains("backup") && failure.message.words.contains("retry"))
            }
        }
        #expect(states == ["running", "failed", "failed", "failed", "failed", "failed"])
        #expect([willing, due, later].map(\.rawValue) == [4, 5, 6])
        // Only its first start treats it as a backup.
        #expect(try await restored.store.recover() == [])
        guard case .granted = try await restored.store.retry(queued, uid: 1000) else {
            Issue.record("no retry")
            return
        }
        #expect(try await restored.store.recover() == [])
        #expect(try await state.check(path).isSound)
    }
}

extension StateFixture {
    /// Runs both halves of a backup in this process.
    fileprivate func backUp(
        to path: String, scrutiny: StateBackup.Scrutiny = .everyByte
    ) async throws -> StateBackup.Summary {
        let store = try ReadOnlyStore(path: directory.path("queue.sqlite"))
        var pair: [CInt] = [-1, -1]
        try #require(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &pair) == 0)
        defer { for descriptor in pair { close(descriptor) } }
        let source = BackupSource(
            of: directory.path, store: store, now: now, scrutiny: scrutiny, on: BackupStream(pair[1]))
        let temporary = directory.path("temporary")
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        async let served: Void = source.serve(temporary: temporary)
        let stream = BackupStream(pair[0])
        do {
            let summary = try await StateBackup(from: stream, scrutiny: scrutiny).write(to: path)
            await served
            #expect(try FileManager.default.contentsOfDirectory(atPath: temporary) == [])
            try store.close()
            return summary
        } catch {
            stream.end()
            await served
            throw error
        }
    }

    fileprivate func check(_ path: String) async throws -> CheckReport {
        try await StateCheck(directory: path).run()
    }

    /// A restored backup, as a daemon opens it.
    fileprivate struct Restored {
        let store: Store

        init(_ path: String, now: Timestamp) throws {
            store = try Store(path: "\(path)/queue.sqlite", now: { now })
        }
    }
}
