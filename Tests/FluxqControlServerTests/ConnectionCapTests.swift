import FluxqTestSupport
import Testing

@testable import FluxqControlServer

@Suite("The places for connections")
struct ConnectionCapTests {
    @Test("however many users take all they can get, another one still gets a fair share", arguments: 1...20)
    func greed(users: Int) {
        let cap = ConnectionCap(perUser: 64, total: 512)
        var places: [ConnectionCap.Place] = []
        var held: [UInt32: Int] = [:]
        var isTaken = true
        func take(_ uid: UInt32) -> Bool {
            let place = cap.enter(.user(uid))
            guard place.entry == .admitted(uid: uid) else { return false }
            places.append(place)
            return true
        }
        while isTaken {
            isTaken = false
            for uid in 0..<UInt32(users) where take(uid) {
                held[uid, default: 0] += 1
                isTaken = true
            }
        }
        let part = 512 / (users + 1)
        #expect(held.values.allSatisfy { abs($0 - min(64, part)) <= 1 }, "\(held)")
        var newcomer = 0
        while take(1000) { newcomer += 1 }
        #expect(newcomer >= min(64, part) / 2)
    }

    @Test("are given back, in any order")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var generator = SplitMix64(state: seed)
        let cap = ConnectionCap(perUser: 5, total: 12)
        var held: [UInt32: [ConnectionCap.Place]] = [:]
        for _ in 0..<10_000 {
            let uid = UInt32.random(in: 0..<6, using: &generator)
            if Bool.random(using: &generator) {
                let mine = held[uid, default: []].count
                let free = 12 - held.values.reduce(0) { $0 + $1.count }
                let place = cap.enter(.user(uid))
                #expect((place.entry == .admitted(uid: uid)) == (mine < 5 && mine < free))
                if mine < 5, mine < free { held[uid, default: []].append(place) }
            } else {
                _ = held[uid]?.popLast()
            }
        }
    }

    @Test("a few refusals per second are explained to each user, the first is news, and the others are dropped")
    func refusals() {
        let cap = ConnectionCap(perUser: 0, total: 1)
        var refused: [ConnectionCap.Place] = []
        func enter(_ uid: UInt32?) -> ConnectionCap.Entry {
            let place = cap.enter(uid.map(ConnectionCap.Visitor.user) ?? .stranger)
            if place.entry != .turnedAway { refused.append(place) }
            return place.entry
        }
        #expect(enter(nil) == .refused(isNews: true))
        for uid in 1...UInt32(ConnectionCap.mostRefusals / ConnectionCap.mostRefusalsPerSecond) {
            #expect(enter(uid) == .refused(isNews: true))
            for _ in 0..<100 where enter(uid) == .refused(isNews: false) {}
            #expect(enter(uid) == .turnedAway)
        }
        #expect(refused.count == ConnectionCap.mostRefusals)
        #expect(enter(1000) == .turnedAway)
        refused.removeFirst()
        #expect(enter(1000) == .refused(isNews: true))
    }

    @Test("leave some to administrators, however many users take all they can get")
    func administrators() {
        let cap = ConnectionCap(perUser: 64, total: 512, administrators: 8)
        var places: [ConnectionCap.Place] = []
        func take(_ visitor: ConnectionCap.Visitor) -> Bool {
            let place = cap.enter(visitor)
            guard case .admitted = place.entry else { return false }
            places.append(place)
            return true
        }
        for uid in 1...2000 as ClosedRange<UInt32> { while take(.user(uid)) {} }
        #expect(places.count == 504)
        #expect(!take(.user(3000)))
        // Each of them finds a place.
        for uid in 4000...4002 as ClosedRange<UInt32> { #expect(take(.administrator(uid))) }
        var more = 0
        while take(.administrator(4000)) { more += 1 }
        #expect(more > 0)
        #expect(take(.administrator(4003)))
        #expect(places.count <= 512)
    }

    @Test("are not taken from users by newcomers, which get one once they are identified")
    func newcomers() {
        let cap = ConnectionCap(perUser: 2, total: 2, administrators: 1, newcomers: 4)
        let newcomers = (1...3).map { cap.enter(.newcomer($0)) }
        #expect(newcomers.map(\.entry) == (1...3).map { .admitted(uid: $0) })
        let user = cap.enter(.user(9))
        #expect(user.entry == .admitted(uid: 9))
        // No place is left for a user, but one for an administrator.
        #expect(newcomers[0].settle(.user(1)) == .refused(isNews: true))
        #expect(newcomers[1].settle(.administrator(2)) == .admitted(uid: 2))
        #expect(newcomers[2].refuse(.stranger) == .refused(isNews: true))
        // In any case their places among the newcomers are free again.
        let others = (11...13).map { cap.enter(.newcomer($0)) }
        #expect(others.map(\.entry) == (11...13).map { .admitted(uid: $0) })
    }

    @Test("strangers count as one, however many uids they have")
    func strangers() {
        let cap = ConnectionCap(perUser: 64, total: 512)
        let entries = (100_000..<101_000 as Range<UInt32>).map { uid in
            cap.enter(.newcomer(uid)).refuse(.stranger)
        }
        #expect(entries.filter { $0 == .refused(isNews: true) }.count == 1)
    }
}
