import FluxqTestSupport
import Testing

@testable import FluxqControlServer

@Suite("The places for connections")
struct ConnectionCapTests {
    @Test("however many users take all that they can get, another one still gets a fair part", arguments: 1...20)
    func greed(users: Int) {
        let cap = ConnectionCap(perUser: 64, total: 512)
        var places: [ConnectionCap.Place] = []
        var held: [UInt32: Int] = [:]
        var isTaken = true
        func take(_ uid: UInt32) -> Bool {
            let place = cap.enter(uid: uid)
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

    @Test("are given back, whoever comes and goes")
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
                let place = cap.enter(uid: uid)
                #expect((place.entry == .admitted(uid: uid)) == (mine < 5 && mine < free))
                if mine < 5, mine < free { held[uid, default: []].append(place) }
            } else {
                _ = held[uid]?.popLast()
            }
        }
    }

    @Test("some refusals a second are explained to each user, the first is news, and the others are turned away")
    func refusals() {
        let cap = ConnectionCap(perUser: 0, total: 1)
        var refused: [ConnectionCap.Place] = []
        func enter(_ uid: UInt32?) -> ConnectionCap.Entry {
            let place = cap.enter(uid: uid)
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
}
