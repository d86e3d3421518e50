import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import Logging
import NIOCore
import Testing

@testable import FluxqMaintenance

@Suite("Damaged content", .timeLimit(.minutes(30)))
struct QuarantineTests {
    enum Damage: String, CaseIterable, Sendable {
        case flippedBit = "a flipped bit"
        case truncated = "a truncated file"
        case missing = "a missing file"
    }

    @Test(
        "of a picture with a valid link is set aside and downloaded again; the job stays done, nothing is bought",
        arguments: Damage.allCases)
    func refetched(damage: Damage) async throws {
        let state = try StateFixture()
        let id = try await state.doneFromLink(.png)
        let before = try await state.job(id)
        let hash = try #require(before.pictures[0].hash)
        try state.inflict(damage, on: hash)

        #expect(try await state.quarantine.open(hash) == nil)
        let damaged = try await state.job(id)
        #expect(damaged.lifecycle == before.lifecycle)
        #expect(damaged.pictures[0].damaged == hash)
        guard case .pending = damaged.pictures[0].state else {
            Issue.record("\(damaged.pictures)")
            return
        }
        #expect(!FileManager.default.fileExists(atPath: state.path(hash)))
        #expect(
            FileManager.default.fileExists(atPath: state.directory.path("damaged/\(hash.hex)")) == (damage != .missing))
        #expect(try await state.check().findings == [])

        let due = try #require(try await state.store.duePictures(limit: 1).due.first)
        _ = try await state.store.savePicture(due, as: state.archived(.png))
        #expect(try await state.job(id) == before)
        #expect(try await state.quarantine.open(hash) != nil)
        #expect(try await state.check().findings == [])
    }

    @Test(
        "of a picture without a valid link is lost, with a message, and restored when its content is",
        arguments: [true, false])
    func lost(inline: Bool) async throws {
        let state = try StateFixture()
        let id = inline ? try await state.done([.png, .gif]) : try await state.doneFromLink(.png)
        let before = try await state.job(id)
        let hash = try #require(before.pictures[0].hash)
        // The link has expired since then.
        state.pass(.seconds(2 * 86_400))
        try state.flipBit(of: hash)

        let record = try #require(try await state.quarantine.examine(hash)?.record)
        #expect(record.lost.map(\.job) == [id] && record.lost.map(\.index) == [1] && record.refetched.isEmpty)
        let job = try await state.job(id)
        guard case .lost = job.pictures[0].state else {
            Issue.record("\(job.pictures)")
            return
        }
        #expect(job.lifecycle == before.lifecycle)
        let findings = try await state.check().findings
        #expect(findings.map(\.kind) == [.lostContent] && findings[0].message.contains("picture 1 of job \(id)"))

        // Another user uploads the same picture.
        _ = try await state.input(.png, owner: User(uid: 1001, name: "bob"))
        #expect(try await state.job(id) == before)
        #expect(try await state.check().findings == [])
    }

    @Test("that many jobs share is damaged for all of them, and whole again for all of them")
    func shared() async throws {
        let state = try StateFixture()
        let inline = try await state.done([.png])
        let linked = try await state.doneFromLink(.png)
        let input = try await state.input(.png)
        let queued = try await state.submit(image: input.hash)
        try state.flipBit(of: input.hash)
        let record = try #require(try await state.quarantine.examine(input.hash)?.record)
        #expect(record.lost.map(\.job) == [inline] && record.refetched.map(\.job) == [linked] && record.inputs == 1)
        #expect(try await state.job(queued).isInputDamaged)
        #expect(try await state.check().findings.map(\.kind) == [.lostContent])

        let due = try #require(try await state.store.duePictures(limit: 1).due.first)
        _ = try await state.store.savePicture(due, as: state.archived(.png))
        for id in [inline, linked] { #expect(try await state.job(id).pictures[0].hash == input.hash) }
        #expect(try await !state.job(queued).isInputDamaged)
    }

    @Test("of a pending input makes it unusable until it is uploaded again")
    func input() async throws {
        let state = try StateFixture()
        let input = try await state.input(.gif)
        try state.truncate(input.hash)
        try await state.quarantine.examine(input.hash)
        await #expect(throws: StateFixture.Unexpected.self) { try await state.submit(image: input.hash) }
        _ = try await state.input(.gif)
        try await state.submit(image: input.hash)
        #expect(try await state.check().findings == [])
    }

    @Test("of a picture of a job that is still archiving keeps the job archiving until the picture is restored")
    func archiving() async throws {
        let state = try StateFixture()
        let id = try await state.submit(n: 2)
        let links = (1...2).map { NewPicture.link("https://example.org/\($0)", deadline: state.now + .seconds(86_400)) }
        try await state.answer(state.claim(), links)
        let due = try await state.store.duePictures(limit: 2).due
        let first = try await state.archived(.png)
        _ = try await state.store.savePicture(due[0], as: first)
        try state.flipBit(of: first.hash)
        try await state.quarantine.examine(first.hash)
        _ = try await state.store.savePicture(due[1], as: state.archived(.gif))
        #expect(JobState(try await state.job(id).lifecycle.state) == .running)
        let again = try #require(try await state.store.duePictures(limit: 1).due.first)
        _ = try await state.store.savePicture(again, as: state.archived(.png))
        #expect(try await state.job(id).lifecycle.state == .done(warning: nil))
        #expect(try await state.check().findings == [])
    }

    @Test("that was not a picture is set aside as well")
    func unusable() async throws {
        let state = try StateFixture()
        let id = try await state.submit()
        let file = try await state.archive.spool.receive(limit: 100)
        try await file.write(ByteBuffer(string: "<html>what the API sent</html>"))
        let page = try await state.archive.store(file)
        try await state.answer(state.claim(), [.unusable(page.hash, message: "HTML")])
        try state.flipBit(of: page.hash)
        try await state.quarantine.examine(page.hash)
        #expect(try await state.job(id).pictures[0].damaged == page.hash)
        #expect(try await state.check().findings.map(\.kind) == [.lostContent])
    }

    @Test("is not confused with whole content that is being stored again: whole content is never taken away")
    func concurrent() async throws {
        let state = try StateFixture()
        try await state.done([.png])
        let hash = try await state.archived(.png).hash
        for _ in 0..<20 {
            try state.flipBit(of: hash)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask { _ = try await state.quarantine.examine(hash) }
                    group.addTask { _ = try await state.input(.png) }
                }
                try await group.waitForAll()
            }
            #expect(try await state.job(JobID(rawValue: 1)).pictures[0].hash == hash)
            #expect(try await state.check().findings == [])
        }
    }
}

@Suite("A repair", .timeLimit(.minutes(30)))
struct StateRepairTests {
    @Test(
        "sets aside damaged and stray files, deletes nothing, and a second check lists the content still lost")
    func repair() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let stray = try await state.archived(.jpeg)
        try state.age(stray.hash, seconds: 4000)
        let young = try await state.archived(.avif)
        let hash = try #require(try await state.job(id).pictures[0].hash)
        try state.flipBit(of: hash)

        let report = try await state.repair()
        #expect(!report.isSound)
        let words = Dictionary(uniqueKeysWithValues: report.findings.map { ($0.kind, $0.repair ?? "") })
        #expect(words[.damagedFile]?.contains("damaged/") == true && words[.damagedFile]?.contains("job 1") == true)
        #expect(words[.strayFile]?.contains("\(stray.bytes) bytes") == true)
        #expect(!FileManager.default.fileExists(atPath: state.path(stray.hash)))
        #expect(FileManager.default.fileExists(atPath: state.directory.path("stray/\(stray.hash.hex)")))
        #expect(FileManager.default.fileExists(atPath: state.path(young.hash)))
        #expect(try await state.check().findings.map(\.kind) == [.lostContent])
        #expect(try await !state.check().isSound)
    }

    @Test("uses files that were restored with their old time, and never treats a file with a row as stray")
    func putBackOld() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let input = try await state.input(.jpeg)
        let before = try await state.job(id)
        let hashes = before.pictures.compactMap(\.hash) + [input.hash]
        let files = try hashes.map { try Data(contentsOf: URL(filePath: state.path($0))) }
        for hash in hashes.dropFirst() { try state.truncate(hash) }
        try FileManager.default.removeItem(atPath: state.path(hashes[0]))
        _ = try await state.repair(missingIsLost: true)
        for (hash, file) in zip(hashes, files) {
            try file.write(to: URL(filePath: state.path(hash)))
            try state.age(hash, seconds: 30 * 86_400)
        }
        #expect(try await state.check().findings.allSatisfy { $0.kind == .lostContent })
        let report = try await state.repair()
        #expect(Set(report.mended) == Set(hashes.map(\.description)) && report.isSound)
        #expect(try await state.job(id) == before)
        #expect(try await state.check().findings == [])
    }

    @Test("restores files that it set aside or treated as stray, if they are whole")
    func takenBack() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let before = try await state.job(id)
        let hashes = before.pictures.compactMap(\.hash)
        let file = try Data(contentsOf: URL(filePath: state.path(hashes[0])))
        // A disk that failed to read a file yesterday.
        try state.truncate(hashes[0])
        _ = try await state.repair()
        try file.write(to: URL(filePath: state.directory.path("damaged/\(hashes[0].hex)")))
        let report = try await state.repair()
        #expect(report.mended == [hashes[0].description] && report.isSound)
        #expect(try await state.job(id) == before)
    }

    @Test("stops if a whole part of the archive is missing, until the option says that the files are lost")
    func notMounted() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif])
        let before = try await state.job(id)
        let (objects, away) = (state.directory.path("objects"), state.directory.path("away"))
        try FileManager.default.moveItem(atPath: objects, toPath: away)
        // As an empty mount point, and with the directories that fluxqd creates at a start.
        for buckets in [false, true] {
            if buckets { _ = try LocalArchive(directory: state.directory.path) }
            let report = try await state.repair()
            #expect(report.refusal?.contains("mounted") == true && report.findings.contains { $0.kind == .missingPart })
            #expect(try await state.job(id) == before)
        }
        #expect(try await state.repair(missingIsLost: true).refusal == nil)
        #expect(try await state.job(id) != before)
        // Mounted again: all files are whole in their places.
        try FileManager.default.removeItem(atPath: objects)
        try FileManager.default.moveItem(atPath: away, toPath: objects)
        #expect(try await state.repair().mended.count == 2)
        #expect(try await state.job(id) == before)
    }

    @Test("reports a file that cannot be read, and continues with all others")
    func unreadable() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png, .gif, .jpeg])
        let hashes = try await state.job(id).pictures.compactMap(\.hash).sorted { $0.hex < $1.hex }
        let last = try Data(contentsOf: URL(filePath: state.path(hashes[2])))
        try state.truncate(hashes[2])
        _ = try await state.repair()
        try last.write(to: URL(filePath: state.path(hashes[2])))
        try state.flipBit(of: hashes[1])
        // A file that cannot be read, not even by root.
        try FileManager.default.removeItem(atPath: state.path(hashes[0]))
        try FileManager.default.createDirectory(atPath: state.path(hashes[0]), withIntermediateDirectories: false)
        let report = try await state.repair()
        #expect(report.mended == [hashes[2].description])
        let repairs = Dictionary(
            uniqueKeysWithValues: report.findings.compactMap { f in f.hash.map { ($0, f.repair ?? "") } })
        #expect(repairs[hashes[0].description]?.contains("Nothing: ") == true)
        #expect(repairs[hashes[1].description]?.contains("damaged/") == true)
    }

    @Test("uses a file that was restored by hand")
    func putBack() async throws {
        let state = try StateFixture()
        let id = try await state.done([.png])
        let before = try await state.job(id)
        let hash = try #require(before.pictures[0].hash)
        try state.truncate(hash)
        #expect(try await state.repair().mended == [])
        // A file that is still damaged does not count as whole.
        try Data(SamplePictures.png.bytes.dropLast()).write(to: URL(filePath: state.path(hash)))
        #expect(try await state.repair().mended == [])
        try FileManager.default.removeItem(atPath: state.path(hash))
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: state.path(hash)))
        #expect(try await state.repair().mended == [hash.description])
        #expect(try await state.job(id) == before)
    }
}

extension StateFixture {
    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }

    fileprivate var quarantine: Quarantine { Quarantine(store: store, archive: archive, logger: Self.logger) }

    fileprivate func repair(missingIsLost: Bool = false) async throws -> CheckReport {
        try await StateRepair(store: store, archive: archive, logger: Self.logger)
            .run(check(), missingIsLost: missingIsLost)
    }

    fileprivate func inflict(_ damage: QuarantineTests.Damage, on hash: ContentHash) throws {
        switch damage {
        case .flippedBit: try flipBit(of: hash)
        case .truncated: try truncate(hash)
        case .missing: try FileManager.default.removeItem(atPath: path(hash))
        }
    }
}
