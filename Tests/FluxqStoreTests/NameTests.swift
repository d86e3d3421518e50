import FluxqModel
import FluxqTestSupport
import Testing

@testable import FluxqStore

@Suite("Numbers and names")
struct NameTests {
    private static let alice = StoreFixture.alice
    private static let admin = Caller(uid: 7, name: "admin", isAdministrator: true)

    private func claimed(_ fixture: StoreFixture) async throws -> JobID? {
        guard case .claimed(let claim) = try await fixture.store.claim() else { return nil }
        return claim.job
    }

    @Test("a number that comes under another name is held back: its jobs wait, and others' are called")
    func held() async throws {
        let fixture = try StoreFixture()
        try await fixture.submit()
        let other = try await fixture.submit(owner: StoreFixture.bob)
        #expect(try await fixture.store.recognize(1000, as: "alice") == nil)
        let held = try await fixture.store.recognize(1000, as: "mallory")
        #expect(held == HeldUser(uid: 1000, name: "alice", cameAs: "mallory"))
        #expect(try await fixture.store.heldUsers() == [held])
        // However often it comes, and under any further name.
        #expect(try await fixture.store.recognize(1000, as: "mallory") == held)
        #expect(try await fixture.store.recognize(1000, as: "carol")?.name == "alice")
        #expect(try await claimed(fixture) == other)
        #expect(try await claimed(fixture) == nil)
        // The name is the owner's until an administrator decides otherwise.
        try await fixture.store.recordOwner(User(uid: 1000, name: "mallory", groups: [5]))
        #expect(try await fixture.store.heldUsers().map(\.name) == ["alice"])
    }

    @Test("it is released once it comes under its owner's name again")
    func back() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        _ = try await fixture.store.recognize(1000, as: "alice@example.org")
        #expect(try await claimed(fixture) == nil)
        #expect(try await fixture.store.recognize(1000, as: "alice") == nil)
        #expect(try await fixture.store.heldUsers() == [])
        #expect(try await claimed(fixture) == id)
    }

    @Test("a number without a name holds nothing back, neither before it gets one nor while the lookup fails")
    func unnamed() async throws {
        let fixture = try StoreFixture()
        #expect(try await fixture.store.recognize(1000, as: "alice") == nil)
        try await fixture.submit(owner: User(uid: 4201, name: "4201"))
        #expect(try await fixture.store.recognize(4201, as: "4201") == nil)
        #expect(try await fixture.store.recognize(4201, as: "dora") == nil)
        #expect(try await fixture.store.recognize(4201, as: "4201") == nil)
        #expect(try await fixture.store.heldUsers() == [])
        #expect(try await fixture.store.recognize(4201, as: "eve")?.name == "dora")
    }

    @Test("an administrator decides that it is the same person, who continues as before")
    func renamed() async throws {
        let fixture = try StoreFixture()
        let id = try await fixture.submit()
        let store = fixture.store
        #expect(try await store.settle(1000, .renamed, by: Self.admin) == .notHeld)
        _ = try await store.recognize(1000, as: "alicia")
        #expect(try await store.settle(1000, .renamed, by: Caller(StoreFixture.bob)) == .notAllowed)
        #expect(try await store.settle(1000, .renamed, by: Self.admin) == .settled)
        #expect(try await store.recognize(1000, as: "alicia") == nil)
        #expect(try await claimed(fixture) == id)
        #expect(try await store.job(id, uid: 1000)?.owner.name == "alicia")
    }

    @Test("or another person, who gets none of its data: queued jobs are canceled, and everything stays counted")
    func replaced() async throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let done = try await fixture.submit()
        try await store.addInput(StoreFixture.stored(), owner: Self.alice)
        try await fixture.end(fixture.claim(), .billed)
        let queued = [try await fixture.submit(), try await fixture.submit(notBefore: fixture.now + .seconds(60))]
        let other = try await fixture.submit(owner: StoreFixture.bob)
        let usage = try await store.usageOfAll().first { $0.owner.uid == 1000 }
        _ = try await store.recognize(1000, as: "mallory")
        #expect(try await store.settle(1000, .replaced, by: Self.admin) == .settled)

        let mallory = User(uid: 1000, name: "mallory")
        #expect(try await store.recognize(1000, as: "mallory") == nil)
        for id in queued + [done] { #expect(try await store.job(id, for: Caller(mallory)) == nil) }
        #expect(try await store.events(for: Caller(mallory), since: 0, limit: 100).isEmpty)
        let own = try await fixture.submit(owner: mallory)
        let all = try await store.jobs(JobQuery(everybody: true), for: Self.admin).jobs
        let nobody = User.numbersOfNobody.lowerBound
        #expect(all.filter { $0.owner.uid == nobody }.map(\.id) == (queued.reversed() + [done]))
        #expect(all.filter { $0.owner.uid == nobody }.allSatisfy { $0.owner.name == "alice (was 1000)" })
        for id in queued {
            let job = try await store.job(id, for: Self.admin)
            guard case .failed(let failure) = job?.lifecycle.state else {
                Issue.record("\(id) is not canceled")
                continue
            }
            #expect(failure.reason == .canceled)
        }
        let after = try await store.usageOfAll().first { $0.owner.uid == nobody }
        #expect(after?.use.today == usage?.use.today && after?.use.archiveBytes == usage?.use.archiveBytes)
        #expect(try await ReadOnlyStore(path: fixture.path).defects() == [])
        #expect([try await claimed(fixture), try await claimed(fixture)].contains(own))
        _ = other

        // The next one gets a separate number.
        _ = try await store.recognize(1000, as: "carol")
        #expect(try await store.settle(1000, .replaced, by: Self.admin) == .running)
    }
}
