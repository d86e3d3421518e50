import FluxqTestSupport
import Testing

@testable import FluxqControlServer

@Suite("The places for connections")
struct ConnectionCapTests {
    @Test("however many users take all that they can get, another one still gets a fair part", arguments: 1...20)
    func greed(users: Int) {
        let cap = ConnectionCap(perUser: 64, total: 512)
        var held: [UInt32: Int] = [:]
        var isTaken = true
        while isTaken {
            isTaken = false
            for uid in 0..<UInt32(users) where cap.enter(uid: uid) == .admitted(uid: uid) {
                held[uid, default: 0] += 1
                isTaken = true
            }
        }
        let part = 512 / (users + 1)
        #expect(held.values.allSatisfy { abs($0 - min(64, part)) <= 1 }, "\(held)")
        var newcomer = 0
        while cap.enter(uid: 1000) == .admitted(uid: 1000) { newcomer += 1 }
        #expect(newcomer >= min(64, part) / 2)
    }

    @Test("are given back, whoever comes and goes")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var generator = SplitMix64(state: seed)
        let cap = ConnectionCap(perUser: 5, total: 12)
        var held: [UInt32: Int] = [:]
        for _ in 0..<10_000 {
            let uid = UInt32.random(in: 0..<6, using: &generator)
            if Bool.random(using: &generator) {
                let mine = held[uid, default: 0]
                let free = 12 - held.values.reduce(0, +)
                let entry = cap.enter(uid: uid)
                #expect((entry == .admitted(uid: uid)) == (mine < 5 && mine < free))
                if mine < 5, mine < free { held[uid] = mine + 1 } else { cap.leave(entry) }
            } else if let mine = held[uid], mine > 0 {
                cap.leave(.admitted(uid: uid))
                held[uid] = mine - 1
            }
        }
    }

    @Test("some refusals a second are explained to each user, the first is news, and the others are turned away")
    func refusals() {
        let cap = ConnectionCap(perUser: 0, total: 1)
        #expect(cap.enter(uid: nil) == .refused(isNews: true))
        var explained = 1
        for uid in 1...UInt32(ConnectionCap.mostRefusals / ConnectionCap.mostRefusalsPerSecond) {
            #expect(cap.enter(uid: uid) == .refused(isNews: true))
            explained += 1
            for _ in 0..<100 where cap.enter(uid: uid) == .refused(isNews: false) { explained += 1 }
            #expect(cap.enter(uid: uid) == .turnedAway)
        }
        #expect(explained == ConnectionCap.mostRefusals)
        #expect(cap.enter(uid: 1000) == .turnedAway)
        cap.leave(.refused(isNews: false))
        #expect(cap.enter(uid: 1000) == .refused(isNews: true))
    }
}
