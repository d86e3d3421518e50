import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
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

    @Test("into the same directory copies only what is new, and keeps the last one until the new one is whole")
    func incremental() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        try await state.done([.png, .jpeg])
        let second = try await state.backUp(to: path)
        #expect(second.files == 2 && second.copied == 1)
        #expect(try await state.check(path).jobs == 2)

        // One that was broken off has left the database of the last one.
        #expect(files.createFile(atPath: "\(path)/queue.sqlite.unfinished", contents: Data([1])))
        #expect(try await state.check(path).jobs == 2)
        #expect(try await state.backUp(to: path).copied == 0)
    }

    @Test("into a file is the same, packed; a file that is there is left alone")
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

    @Test("is refused where something else is: other files, a state directory, another's database")
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

        // The state directory itself, and one that was restored and started.
        let live = state.directory.path
        await #expect(throws: StateBackup.Refusal.notABackup(live)) { try await state.backUp(to: live) }
        let path = state.directory.path("backup")
        _ = try await state.backUp(to: path)
        #expect(files.createFile(atPath: "\(path)/lock", contents: nil))
        // A repair of the backup has left that; it is one still.
        #expect(try await state.backUp(to: path).files == 1)
        _ = try await StateFixture.Restored(path, now: state.now).store.recover()
        await #expect(throws: StateBackup.Refusal.isTheState(path)) { try await state.backUp(to: path) }
        await #expect(throws: StateBackup.Refusal.self) { try await state.backUp(to: "/proc/backup") }

        // What is named as the intermediate steps of a packed backup, and is none, stays as well.
        let unpacked = state.directory.path("b.tar.unpacked")
        try files.createDirectory(atPath: unpacked, withIntermediateDirectories: false)
        #expect(files.createFile(atPath: "\(unpacked)/thesis.txt", contents: Data([1])))
        await #expect(throws: StateBackup.Refusal.notABackup(unpacked)) {
            try await state.backUp(to: state.directory.path("b.tar"))
        }
        #expect(files.fileExists(atPath: "\(unpacked)/thesis.txt"))
    }

    @Test("leaves out what is damaged, and says so")
    func damaged() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let hash = try #require(try await state.job(id).pictures[0].hash)
        try state.flipBit(of: hash)
        let path = state.directory.path("backup")
        #expect(try await state.backUp(to: path).damaged == [hash])
        #expect(try await state.check(path).findings.map(\.kind) == [.missingFile])
    }

    @Test("copies again what was damaged in the backup, and has what is damaged in the archive only from earlier")
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

        // Sizes alone do not tell.
        #expect(try await state.backUp(to: path, scrutiny: .sizes).mended == [])
        let summary = try await state.backUp(to: path)
        #expect(summary.mended == [hashes[0]] && summary.copied == 1)
        #expect(summary.onlyHere == [hashes[1]] && summary.damaged == [] && summary.files == 2)
        #expect(try Data(contentsOf: URL(filePath: copy)) == whole)
        #expect(try await state.check(path).findings == [])
        // Whole in neither.
        try bytes.write(to: URL(filePath: state.path(hashes[0])), options: [])
        try files.removeItem(atPath: copy)
        #expect(try await state.backUp(to: path).damaged == [hashes[0]])
    }

    @Test("that is restored gives no number twice, neither to a job nor to an event")
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

    @Test("that is restored sends nothing again that may have been called since, and goes on with what was paid for")
    func restored() async throws {
        let state = try StateFixture()
        // One that is archiving, one that is calling, and four that are queued.
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
                #expect(failure.message.contains("backup") && failure.message.contains("retry"))
            }
        }
        #expect(states == ["running", "failed", "failed", "failed", "failed", "failed"])
        #expect([willing, due, later].map(\.rawValue) == [4, 5, 6])
        // Only the first start of it is one of a backup.
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
    fileprivate func backUp(
        to path: String, scrutiny: StateBackup.Scrutiny = .everyByte
    ) async throws -> StateBackup.Summary {
        let source = try ReadOnlyStore(path: directory.path("queue.sqlite"))
        let summary = try await StateBackup(of: directory.path, store: source, now: now, scrutiny: scrutiny).write(
            to: path)
        try source.close()
        return summary
    }

    fileprivate func check(_ path: String) async throws -> CheckReport {
        try await StateCheck(directory: path).run()
    }

    /// A backup as a daemon opens it.
    fileprivate struct Restored {
        let store: Store

        init(_ path: String, now: Timestamp) throws {
            store = try Store(path: "\(path)/queue.sqlite", now: { now })
        }
    }
}
