import ArgumentParser
import FluxqTestSupport
import Glibc

/// One attacker: a process of a user of its own, started by `attacktest run`.
struct Attacker: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "attack", shouldDisplay: false)

    @Option var attack: Attack
    @Option var socket: String
    @Option var seconds: Double
    @Option var seed: UInt64
    /// The victim's job.
    @Option var job: Int64

    func run() throws {
        var play = Play(attack: attack, socket: socket, end: .now + .seconds(seconds), job: job, seed: seed)
        play.run()
        print(play.cases)
        if let failure = play.failure {
            print(failure)
            throw ExitCode(1)
        }
    }
}

private struct Play {
    let attack: Attack
    let socket: String
    let end: ContinuousClock.Instant
    let job: Int64
    var dice: SplitMix64
    private(set) var cases = 0
    /// What came back and should not have, such as another's words.
    private(set) var failure: String?

    init(attack: Attack, socket: String, end: ContinuousClock.Instant, job: Int64, seed: UInt64) {
        self.attack = attack
        self.socket = socket
        self.end = end
        self.job = job
        dice = SplitMix64(state: seed)
    }

    mutating func run() {
        switch attack {
        case .connections: hold("")
        case .storm: again { play in _ = RawSocket(play.socket) }
        case .slowHead: hold("GET /v1/queue HTTP/1.1\r\nX: ", then: "a")
        case .slowBody: hold("PUT /v1/inputs HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n", then: "a")
        case .unread:
            again { play in
                guard let connection = RawSocket(play.socket) else { return }
                let requests = String(repeating: "GET /v1/jobs?limit=1000 HTTP/1.1\r\n\r\n", count: 100)
                while ContinuousClock.now < play.end, connection.send(requests) { play.cases += 1 }
            }
        case .pipeline:
            again { play in
                guard let connection = RawSocket(play.socket) else { return }
                let requests = String(repeating: "GET /v1/queue HTTP/1.1\r\n\r\n", count: 49)
                connection.send(requests + "GET /v1/queue HTTP/1.1\r\nConnection: close\r\n\r\n")
                play.look(at: connection.receiveAll())
            }
        case .oversized: again { $0.oversized() }
        case .malformed: again { $0.malformed() }
        case .json: again { $0.json() }
        case .forged: again { $0.forged() }
        case .others: again { $0.others() }
        case .submits: again { $0.submit() }
        case .lists:
            let paths = [
                "/v1/jobs?limit=1000", "/v1/jobs?all=true&limit=1000", "/v1/queue", "/v1/usage", "/v1/jobs?label=x",
            ]
            again { play in
                let path = paths.randomElement(using: &play.dice) ?? ""
                play.say("GET \(path) HTTP/1.1")
            }
        case .waits: waits()
        }
    }

    private mutating func again(_ body: (inout Play) -> Void) {
        while ContinuousClock.now < end, failure == nil {
            body(&self)
            cases += 1
        }
    }

    /// One request, alone on its connection.
    @discardableResult
    private mutating func say(_ head: String, headers: String = "", body: String = "") -> String {
        guard let connection = RawSocket(socket) else { return "" }
        connection.send(
            "\(head)\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let answer = connection.receiveAll()
        look(at: answer)
        return answer
    }

    /// Queues a job whose time never comes. One that is refused would flood nothing.
    private mutating func submit() {
        let answer = say(
            "POST /v1/jobs HTTP/1.1",
            body: """
                {"request": {"prompt": "attack \(dice.next())", "image": "https://example.org/1.png"},
                 "options": {"not_before": "2100-01-01T00:00:00Z"}}
                """)
        if !answer.isEmpty, !answer.hasPrefix("HTTP/1.1 201 "), !answer.contains("over_limit") {
            failure = "a job was refused: \(answer.suffix(400))"
        }
    }

    private mutating func look(at answer: String) {
        if answer.contains(Victim.canary) { failure = "another's words came back: \(answer.suffix(400))" }
    }

    /// Keeps as many connections as it can get, and goes on saying a little on each.
    private mutating func hold(_ beginning: String, then more: String = "") {
        var held: [RawSocket] = []
        while ContinuousClock.now < end {
            while held.count < 1000, ContinuousClock.now < end, let connection = RawSocket(socket) {
                cases += 1
                guard connection.send(beginning) else { break }
                held.append(connection)
                if held.count % 64 == 0 { break }
            }
            if more.isEmpty { usleep(20_000) } else { held.removeAll { !$0.send(more) } }
            if held.count >= 1000 { held.removeFirst(500) }
        }
    }

    private mutating func oversized() {
        guard let connection = RawSocket(socket) else { return }
        let megabyte = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        switch Int.random(in: 0..<5, using: &dice) {
        case 0: connection.send("PUT /v1/inputs HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n")
        case 1: connection.send("POST /v1/jobs HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{\"request\": ")
        case 2: connection.send("PUT /v1/inputs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        case 3: connection.send("POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n{\"x\": \"")
        default: connection.send("GET /v1/queue HTTP/1.1\r\nContent-Length: 30000000\r\n\r\n")
        }
        for _ in 0..<30 {
            guard connection.send("100000\r\n"), connection.send(megabyte), connection.send("\r\n") else { break }
        }
        look(at: String(decoding: connection.receive(), as: UTF8.self))
    }

    private mutating func malformed() {
        let shapes = [
            "GET /v1/queue HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "POST /v1/jobs HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/queue HTTP/1.1\r\n\r\n",
            "POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
            "POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
            "GET /v1/jobs/\(job) HTTP/1.1\r\n X: folded\r\n\r\n", "GET /v1/jobs/\(job) HTTP/0.9\r\n\r\n",
            "GET http://other/v1/jobs/\(job) HTTP/1.1\r\n\r\n", "GET /v1/../v1/jobs/\(job) HTTP/1.1\r\n\r\n",
            "GET /v1/jobs/%31%2f..\u{0} HTTP/1.1\r\n\r\n", "CONNECT fluxq:80 HTTP/1.1\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET /v1/events HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\n\(String(repeating: "A: b\r\n", count: 10_000))\r\n",
        ]
        var bytes = Array((shapes.randomElement(using: &dice) ?? "").utf8)
        if Bool.random(using: &dice) {
            // Some of them changed, or nothing but noise.
            if Int.random(in: 0..<4, using: &dice) == 0 { bytes = [UInt8](repeating: 0, count: 500) }
            for _ in 0..<max(1, bytes.count / 20) {
                bytes[Int.random(in: bytes.indices, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
        }
        guard let connection = RawSocket(socket) else { return }
        connection.send(bytes)
        look(at: String(decoding: connection.receive(), as: UTF8.self))
    }

    private mutating func json() {
        let deep = String(repeating: "[", count: 400_000)
        let wide = "[" + String(repeating: "{},", count: 300_000) + "0]"
        let members = "{" + (0..<30_000).map { "\"k\($0)\": 0," }.joined() + "\"z\": 0}"
        let body = [deep, wide, members, "{\"request\": \(deep)", "{\"request\": {\"prompt\": \(wide)}}"]
        say("POST /v1/jobs HTTP/1.1", body: body.randomElement(using: &dice) ?? "")
    }

    private mutating func forged() {
        let claims = ["root", "0", "victim", "\(Victim.uid)", "127.0.0.1"]
        let names = [
            "X-Forwarded-For", "X-Forwarded-User", "X-Remote-User", "Remote-User", "Authorization", "X-Real-IP", "Host",
            "Cookie",
            "X-Uid", "Forwarded", "From",
        ]
        let headers = names.map { "\($0): \(claims.randomElement(using: &dice) ?? "")\r\n" }.joined()
        let mine = say("GET /v1/jobs/\(job) HTTP/1.1", headers: headers)
        compare(mine, say("GET /v1/jobs/\(Victim.noJob) HTTP/1.1", headers: headers), "a forged header")
    }

    private mutating func others() {
        for (method, path) in [
            ("GET", ""), ("HEAD", ""), ("DELETE", ""), ("GET", "?wait=1"), ("GET", "/images/1"), ("GET", "/input"),
            ("POST", "/cancel"), ("POST", "/retry"), ("PUT", "/images/1"), ("GET", "/nothing"),
        ] {
            let theirs = say("\(method) /v1/jobs/\(job)\(path) HTTP/1.1")
            compare(theirs, say("\(method) /v1/jobs/\(Victim.noJob)\(path) HTTP/1.1"), "\(method) \(path)")
        }
        say("GET /v1/events?since=0 HTTP/1.0")
        say("GET /v1/events?all=true HTTP/1.1")
        say("POST /v1/queue/pause HTTP/1.1")
        say("GET /v1/usage?all=true HTTP/1.1")
    }

    /// The answers about another's job and about none are the same, byte for byte. Over a limit neither is told anything.
    private mutating func compare(_ theirs: String, _ none: String, _ what: String) {
        if theirs.isEmpty || none.isEmpty || theirs.contains("over_limit") || none.contains("over_limit") { return }
        if theirs != none { failure = "\(what) tells a job from none:\n\(theirs)\n\(none)" }
    }

    private mutating func waits() {
        var held: [RawSocket] = []
        while held.count < 60, let connection = RawSocket(socket) {
            connection.send("GET /v1/events?since=0 HTTP/1.1\r\n\r\n")
            held.append(connection)
        }
        again { play in
            play.submit()
            // Those who are at it read a little.
            if let connection = held.randomElement(using: &play.dice) {
                play.look(at: String(decoding: connection.receive(), as: UTF8.self))
            }
        }
    }
}
