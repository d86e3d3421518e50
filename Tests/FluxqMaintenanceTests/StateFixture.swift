import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqTestSupport
import Foundation
import GRDB
import NIOCore
import Synchronization

@testable import FluxqMaintenance

/// A state directory with a real database and a real archive, like a daemon's.
final class StateFixture: Sendable {
    static let alice = User(uid: 1000, name: "alice")

    private final class Clock: Sendable {
        let time = Mutex(Timestamp.now())
    }

    let directory: TemporaryDirectory
    let store: Store
    let archive: LocalArchive
    private let clock = Clock()

    init() throws {
        directory = try TemporaryDirectory()
        archive = try LocalArchive(directory: directory.path)
        store = try Store(path: directory.path("queue.sqlite"), now: { [clock] in clock.time.withLock { $0 } })
    }

    var now: Timestamp { clock.time.withLock { $0 } }

    func pass(_ duration: Duration) {
        clock.time.withLock { $0 = $0 + duration }
    }

    func path(_ hash: ContentHash) -> String {
        directory.path("objects/sha256/\(hash.hex.prefix(2))/\(hash.hex)")
    }

    func archived(_ sample: SamplePicture) async throws -> StoredPicture {
        let file = try await archive.spool.receive(limit: .max)
        try await file.write(ByteBuffer(bytes: sample.bytes))
        return try await archive.storePicture(file).get()
    }

    func input(_ sample: SamplePicture, owner: User = alice) async throws -> StoredPicture {
        let picture = try await archived(sample)
        try await store.addInput(picture, owner: owner)
        return picture
    }

    @discardableResult
    func submit(image: ContentHash? = nil, n: Int? = nil, notBefore: Timestamp? = nil, onUnknown: OnUnknown = .fail)
        async throws -> JobID
    {
        var draft = EditRequest.Draft()
        draft.prompt = "make it rain"
        draft.image = image.map { .content($0) }
        draft.n = n
        let request = try draft.validated(defaultModel: "m", drawSeed: { 7 }).get()
        guard
            case .created(let job) = try await store.submit(
                .init(owner: Self.alice, request: request, notBefore: notBefore, onUnknown: onUnknown))
        else { throw Unexpected() }
        return job.id
    }

    func claim() async throws -> Claim {
        guard case .claimed(let claim) = try await store.claim() else { throw Unexpected() }
        return claim
    }

    func answer(_ claim: Claim, _ pictures: [NewPicture]) async throws {
        let report = CallReport(
            outcome: .answered(
                Answer(items: pictures.map { _ in AnswerItem(link: "https://example.org/1.png") })),
            sentAt: now, status: 200)
        _ = try await store.record(report, of: claim, pictures: pictures)
    }

    /// Adds a job that is done with these pictures, which came inline.
    @discardableResult
    func done(_ samples: [SamplePicture]) async throws -> JobID {
        let id = try await submit(n: samples.count)
        var pictures: [NewPicture] = []
        for sample in samples { pictures.append(.saved(try await archived(sample))) }
        try await answer(claim(), pictures)
        return id
    }

    /// Adds a job that is done with one picture, whose link is valid for another day.
    @discardableResult
    func doneFromLink(_ sample: SamplePicture) async throws -> JobID {
        let id = try await submit()
        let link = "https://example.org/\(id).png"
        try await answer(claim(), [.link(link, deadline: now + .seconds(86_400))])
        let picture = try await store.duePictures(limit: 1).due[0]
        _ = try await store.savePicture(picture, as: archived(sample))
        return id
    }

    func job(_ id: JobID) async throws -> Job {
        guard let job = try await store.job(id, uid: Self.alice.uid) else { throw Unexpected() }
        return job
    }

    func check() async throws -> CheckReport {
        try await StateCheck(directory: directory.path).run()
    }

    /// Changes the database outside of fluxq, without its triggers and rules.
    func raw(_ sql: String) throws {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        try DatabaseQueue(path: directory.path("queue.sqlite"), configuration: configuration).write { db in
            try db.execute(sql: "PRAGMA ignore_check_constraints = ON")
            try db.execute(sql: sql)
        }
    }

    /// Flips one bit in the middle of a file.
    func flipBit(of hash: ContentHash) throws {
        var bytes = try Data(contentsOf: URL(filePath: path(hash)))
        bytes[bytes.count / 2] ^= 1
        try replace(hash, with: bytes)
    }

    func truncate(_ hash: ContentHash) throws {
        try replace(hash, with: Data(contentsOf: URL(filePath: path(hash))).dropLast(3))
    }

    func replace(_ hash: ContentHash, with bytes: Data) throws {
        try FileManager.default.removeItem(atPath: path(hash))
        try bytes.write(to: URL(filePath: path(hash)))
    }

    func age(_ hash: ContentHash, seconds: Double) throws {
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -seconds)], ofItemAtPath: path(hash))
    }

    struct Unexpected: Error {}
}

extension SamplePicture {
    static var png: SamplePicture { SamplePictures.png }
    static var gif: SamplePicture { SamplePictures.gif }
    static var jpeg: SamplePicture { SamplePictures.jpeg }
    static var avif: SamplePicture { SamplePictures.avif }
    static var lossyWebP: SamplePicture { SamplePictures.lossyWebP }
}

extension Picture {
    /// The hash of a picture that is in the archive.
    var hash: ContentHash? {
        if case .saved(let stored) = state { stored.hash } else { nil }
    }
}
