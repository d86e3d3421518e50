import FluxqArchive
import FluxqFormats
import FluxqModel
import FluxqTestSupport
import NIOCore
import Testing

/// The properties of every content store that the rest of fluxq relies on.
@Suite("A store of content", .timeLimit(.minutes(30)))
struct ContentStoreTests {
    private static let unknown = ContentHash(digest: [UInt8](repeating: 5, count: 32))

    @Test(
        "returns pictures byte for byte, with their formats and sizes",
        arguments: ContentStoreKind.allCases, SamplePictures.all)
    func picture(_ kind: ContentStoreKind, _ sample: SamplePicture) async throws {
        let fixture = try kind.makeFixture()
        let store = fixture.store
        let stored = try await store.storePicture(fixture.received(sample.bytes)).get()
        #expect(stored.mediaType == sample.format.mediaType)
        #expect((stored.width, stored.height) == (sample.width, sample.height))
        #expect(stored.bytes == Int64(sample.bytes.count))
        #expect(try await store.picture(stored.hash) == stored)
        #expect(try await store.size(of: stored.hash) == stored.bytes)
        #expect(try await store.condition(of: stored.hash) == .whole(bytes: stored.bytes))

        for file in [try await store.open(stored.hash), try #require(try await store.openVerified(stored.hash))] {
            #expect(file.size == stored.bytes)
            #expect(try await file.read(at: 0, count: .max) == ByteBuffer(bytes: sample.bytes))
            #expect(try await file.read(at: 5, count: 7) == ByteBuffer(bytes: sample.bytes[5..<12]))
            #expect(try await file.read(at: file.size - 3, count: 100) == ByteBuffer(bytes: sample.bytes.suffix(3)))
            for (offset, count) in [(file.size, 1), (Int64.max, 1), (-1, 5), (0, 0), (0, -1)] {
                #expect(try await file.read(at: offset, count: count).readableBytes == 0)
            }
            #expect(try PictureReader.inspect(file.blocking) == .success(sample.info))
        }
    }

    @Test("names content received in pieces by the hash of the whole", arguments: ContentStoreKind.allCases)
    func pieces(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let bytes = SamplePictures.progressiveJPEG.bytes
        let file = try await fixture.store.spool.receive(limit: Int64(bytes.count))
        for byte in bytes { try await file.write(ByteBuffer(bytes: [byte])) }
        let inPieces = try await fixture.store.store(file)
        #expect(try await fixture.stored(bytes) == inPieces)
    }

    @Test(
        "also keeps content that is not a picture, for a person to examine, and empty content",
        arguments: ContentStoreKind.allCases)
    func noPicture(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let page = try await fixture.received(Array("<html>504</html>".utf8))
        // As a picture it is refused, and can still be stored as bytes or discarded.
        #expect(try await fixture.store.storePicture(page) == .failure(.notAPicture(looksLike: "HTML")))
        let object = try await fixture.store.store(page)
        #expect(object.bytes == 16)
        #expect(try await fixture.store.picture(object.hash) == nil)
        let empty = try await fixture.stored([])
        #expect(empty.hash.hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(try await fixture.store.open(empty.hash).size == 0)
    }

    @Test(
        "stores a file once; the content stays, whatever is done with the file", arguments: ContentStoreKind.allCases
    )
    func sealed(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let file = try await fixture.received([1, 2, 3])
        let hash = try await fixture.store.store(file).hash
        await #expect(throws: ArchiveError.self) { try await file.write(ByteBuffer(bytes: [4])) }
        await #expect(throws: ArchiveError.self) { try await fixture.store.store(file) }
        await fixture.store.spool.discard(file)
        #expect(try await fixture.bytes(of: hash) == ByteBuffer(bytes: [1, 2, 3]))
    }

    @Test("stores the file of a canceled task", arguments: ContentStoreKind.allCases)
    func canceled(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let file = try await fixture.received(SamplePictures.gif.bytes)
        let store = fixture.store
        let stored = try await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await store.store(file)
        }.value
        #expect(try await store.condition(of: stored.hash) == .whole(bytes: stored.bytes))
    }

    @Test("stores the same content from concurrent callers only once", arguments: ContentStoreKind.allCases)
    func concurrentStores(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let bytes = SamplePictures.avif.bytes
        var files: [IncomingFile] = []
        for _ in 0..<64 { files.append(try await fixture.received(bytes)) }
        let store = fixture.store
        let hashes = try await withThrowingTaskGroup(of: ContentHash.self) { group in
            for file in files { group.addTask { try await store.store(file).hash } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        let hash = try #require(hashes.first)
        #expect(hashes.count == 1)
        #expect(try await store.entries(in: Self.bucket(of: hash))?.map(\.hash) == [hash])
        #expect(try await fixture.bytes(of: hash) == ByteBuffer(bytes: bytes))
    }

    private static func bucket(of hash: ContentHash) throws -> UInt8 {
        try #require(UInt8(hash.hex.prefix(2), radix: 16))
    }

    @Test(
        "lists every content in the bucket of its first byte, with its size and age",
        arguments: ContentStoreKind.allCases)
    func listing(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let objects = [
            try await fixture.stored([1]), try await fixture.stored([2, 2]),
            try await fixture.stored(SamplePictures.png.bytes),
        ]
        try fixture.setAge(of: objects[0].hash, seconds: 5000)
        var found: [ContentHash: ContentEntry] = [:]
        for bucket in ContentBuckets.all {
            for entry in try #require(try await fixture.store.entries(in: bucket)) {
                let hash = try #require(entry.hash)
                #expect(try Self.bucket(of: hash) == bucket)
                #expect(entry.path == fixture.store.path(of: hash))
                #expect(entry.path.hasPrefix(fixture.store.path(ofBucket: bucket)))
                found[hash] = entry
            }
        }
        #expect(found.mapValues(\.bytes) == Dictionary(uniqueKeysWithValues: objects.map { ($0.hash, $0.bytes) }))
        #expect(try #require(found[objects[0].hash]).age >= .seconds(5000))
        #expect(try #require(found[objects[1].hash]).age < .seconds(5000))
    }

    @Test("content that was never stored is missing for all operations", arguments: ContentStoreKind.allCases)
    func missing(_ kind: ContentStoreKind) async throws {
        let store = try kind.makeFixture().store
        let hash = Self.unknown
        await #expect(throws: ArchiveError.missing(hash)) { try await store.open(hash) }
        await #expect(throws: ArchiveError.missing(hash)) { try await store.picture(hash) }
        #expect(try await store.openVerified(hash) == nil)
        #expect(try await store.condition(of: hash) == .missing)
        #expect(try await store.size(of: hash) == nil)
        #expect(try await store.setAside(hash) == .missing)
        #expect(try await !store.putAway(hash, olderThan: .zero))
        #expect(try await !store.takeBack(hash))
        #expect(try await !store.remove(hash, olderThan: .zero))
    }

    @Test("removes content that is old enough, and does not disturb its readers", arguments: ContentStoreKind.allCases)
    func removal(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let (store, sample) = (fixture.store, SamplePictures.lossyWebP)
        let hash = try await fixture.stored(sample.bytes).hash
        #expect(try await !store.remove(hash, olderThan: .seconds(3600)))
        try fixture.setAge(of: hash, seconds: 3601)
        let reader = try await store.open(hash)
        #expect(try await store.remove(hash, olderThan: .seconds(3600)))
        #expect(try await !store.remove(hash, olderThan: .seconds(3600)))
        await #expect(throws: ArchiveError.missing(hash)) { try await store.open(hash) }
        #expect(try await reader.read(at: 0, count: 1 << 20) == ByteBuffer(bytes: sample.bytes))
    }

    @Test(
        "content that is stored once more is young again, so that its new row finds it",
        arguments: ContentStoreKind.allCases)
    func young(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let hash = try await fixture.stored([1, 2, 3]).hash
        try fixture.setAge(of: hash, seconds: 9000)
        _ = try await fixture.stored([1, 2, 3])
        #expect(try await !fixture.store.remove(hash, olderThan: .seconds(3600)))
        #expect(try await !fixture.store.putAway(hash, olderThan: .seconds(3600)))
    }

    @Test("storing content again mends a damaged copy", arguments: ContentStoreKind.allCases)
    func mended(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let hash = try await fixture.stored(SamplePictures.png.bytes).hash
        try fixture.damage(hash)
        _ = try await fixture.stored(SamplePictures.png.bytes)
        #expect(try await fixture.bytes(of: hash) == ByteBuffer(bytes: SamplePictures.png.bytes))
    }

    @Test(
        "sets aside damaged content and nothing else; it is restored only if whole",
        arguments: ContentStoreKind.allCases, [[], [0], [1, 2, 4], [1, 2, 3, 0]])
    func damage(_ kind: ContentStoreKind, _ bytes: [UInt8]) async throws {
        let fixture = try kind.makeFixture()
        let store = fixture.store
        let hash = try await fixture.stored([1, 2, 3]).hash
        #expect(try await store.setAside(hash) == .whole(bytes: 3))
        try fixture.damage(hash, bytes: bytes)
        #expect(try await store.openVerified(hash) == nil)
        let condition = try await store.condition(of: hash)
        guard case .damaged(let actual, Int64(bytes.count)) = condition else {
            Issue.record("\(condition)")
            return
        }
        #expect(actual != hash)
        #expect(try await store.setAside(hash) == condition)
        #expect(try await store.condition(of: hash) == .missing)
        #expect(try await !store.takeBack(hash))
        #expect(!store.damagedName.isEmpty)
    }

    @Test("content that was put away is out of use, and is restored unchanged", arguments: ContentStoreKind.allCases)
    func putAway(_ kind: ContentStoreKind) async throws {
        let fixture = try kind.makeFixture()
        let store = fixture.store
        let object = try await fixture.stored(SamplePictures.png.bytes)
        #expect(try await !store.putAway(object.hash, olderThan: .seconds(3600)))
        #expect(try await store.putAway(object.hash, olderThan: .zero))
        #expect(try await store.condition(of: object.hash) == .missing)
        #expect(try await store.takeBack(object.hash))
        #expect(try await store.condition(of: object.hash) == .whole(bytes: object.bytes))
        #expect(try await !store.takeBack(object.hash))
        #expect(!store.strayName.isEmpty)
    }
}
