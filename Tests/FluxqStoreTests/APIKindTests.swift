import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("The kind of API of a state directory")
struct APIKindTests {
    @Test(
        "is recorded by the first start, and every later one is told whether it is still the same",
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

    @Test("is the assumed one if there are jobs from before it was recorded")
    func unknown() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        #expect(try await !fixture.store.belongs(to: .sandbox, ifUnknown: .real))
        #expect(try await fixture.store.belongs(to: .real, ifUnknown: .sandbox))
    }
}
