import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Where a state's calls go")
struct APIKindTests {
    @Test(
        "is said by the first start, and every later one is told whether it still is so",
        arguments: [
            Store.APIKind.real, .sandbox,
        ])
    func remembered(kind: Store.APIKind) async throws {
        let fixture = try StoreFixture()
        let other: Store.APIKind = kind == .real ? .sandbox : .real
        #expect(try await fixture.store.belongs(to: kind, ifUnknown: other))
        try await fixture.submit()
        try fixture.store.close()
        let again = try Store(path: fixture.path, now: { [now = fixture.now] in now })
        #expect(try await again.belongs(to: kind, ifUnknown: other))
        #expect(try await !again.belongs(to: other, ifUnknown: other))
        #expect(try await again.belongs(to: kind, ifUnknown: other))
    }

    @Test("is taken as it is known otherwise, if there are jobs from before it was remembered")
    func unknown() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        #expect(try await !fixture.store.belongs(to: .sandbox, ifUnknown: .real))
        #expect(try await fixture.store.belongs(to: .real, ifUnknown: .sandbox))
    }
}
