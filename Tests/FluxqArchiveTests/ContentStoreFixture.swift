import FluxqArchive
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore

/// The existing content stores. A new one gets a case here, and has to pass `ContentStoreTests`.
enum ContentStoreKind: CaseIterable {
    case local

    func makeFixture() throws -> ContentStoreFixture {
        switch self {
        case .local:
            let directory = try TemporaryDirectory()
            return ContentStoreFixture(
                store: try LocalArchive(directory: directory.path),
                overwrite: { path, bytes in
                    try FileManager.default.removeItem(atPath: path)
                    try Data(bytes).write(to: URL(filePath: path))
                },
                age: { path, seconds in
                    try FileManager.default.setAttributes(
                        [.modificationDate: Date(timeIntervalSinceNow: -seconds)], ofItemAtPath: path)
                },
                lifetime: directory)
        }
    }
}

/// A store of its own for one test, with ways to damage and age its content.
struct ContentStoreFixture {
    let store: any ContentStore
    private let overwrite: (_ path: String, [UInt8]) throws -> Void
    private let age: (_ path: String, _ seconds: Double) throws -> Void
    /// Kept alive as long as the store is used.
    private let lifetime: AnyObject

    fileprivate init(
        store: any ContentStore, overwrite: @escaping (_ path: String, [UInt8]) throws -> Void,
        age: @escaping (_ path: String, _ seconds: Double) throws -> Void, lifetime: AnyObject
    ) {
        self.store = store
        self.overwrite = overwrite
        self.age = age
        self.lifetime = lifetime
    }

    func received(_ bytes: [UInt8]) async throws -> IncomingFile {
        let file = try await store.spool.receive(limit: 1 << 24)
        try await file.write(ByteBuffer(bytes: bytes))
        return file
    }

    func stored(_ bytes: [UInt8]) async throws -> StoredObject {
        try await store.store(received(bytes))
    }

    /// Puts other bytes under a content's name, bypassing its store.
    func damage(_ hash: ContentHash, bytes: [UInt8] = [0]) throws {
        try overwrite(store.path(of: hash), bytes)
    }

    /// Makes content look as if it had been stored that long ago.
    func setAge(of hash: ContentHash, seconds: Double) throws {
        try age(store.path(of: hash), seconds)
    }

    func bytes(of hash: ContentHash) async throws -> ByteBuffer {
        try await store.open(hash).read(at: 0, count: .max)
    }
}
