import ArgumentParser
import FluxqHost
import FluxqProofKit
import FluxqTestSupport
import Glibc

/// One attacker: a process with a user of its own, started by `attacktest run`.
struct Attacker: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "attack", shouldDisplay: false)

    @Option var attack: Attack
    @Option var socket: String
    @Option(transform: Self.address) var port: LoopbackAddress
    @Option var seconds: Double
    @Option var seed: UInt64
    /// The victim's job.
    @Option var job: Int64
    /// The attacker's own job, if the attack needs one.
    @Option var own: Int64?
    /// Only submits that job and prints its number.
    @Flag var prepare = false

    func run() throws {
        var play = Play(
            attack: attack, socket: socket, port: port, end: .now + .seconds(seconds), job: job, own: own ?? 0,
            seed: seed)
        if prepare {
            print(play.prepare() ?? "")
        } else {
            play.run()
            print(play.cases)
        }
        if let failure = play.failure {
            print(failure)
            throw ExitCode(1)
        }
    }

    private static func address(_ text: String) throws -> LoopbackAddress {
        guard let address = LoopbackAddress(text) else { throw ValidationError("\(text) is no loopback address") }
        return address
    }
}

/// The last request on its connection.
private struct Request {
    let text: String

    init(_ target: String, _ headers: String = "", body: String = "") {
        text =
            "\(target) HTTP/1.1\r\nConnection: close\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

private struct Play {
    let attack: Attack
    let socket: String
    let port: LoopbackAddress
    let end: ContinuousClock.Instant
    let job: Int64
    let own: Int64
    var dice: SplitMix64
    private(set) var cases = 0
    /// A response that should not have come, such as another user's text.
    private(set) var failure: String?

    init(
        attack: Attack, socket: String, port: LoopbackAddress, end: ContinuousClock.Instant, job: Int64, own: Int64,
        seed: UInt64
    ) {
        self.attack = attack
        self.socket = socket
        self.port = port
        self.end = end
        self.job = job
        self.own = own
        dice = SplitMix64(state: seed)
    }

    mutating func run() {
        switch attack {
        case .connections: hold("")
        case .ports: hold("", opening: { RawSocket($0.port) })
        case .subordinates: comeAsMany(asking: Request("GET /v1/queue"), each: 50)
        case .subordinateSubmits: comeAsMany(asking: job(), each: 1)
        case .lookups: comeAsMany(asking: Request("GET /v1/queue"), each: 5)
        case .storm: again { play in _ = RawSocket(play.socket) }
        case .slowHead: hold("GET /v1/queue HTTP/1.1\r\nX: ", then: "a")
        case .slowBody: hold("PUT /v1/inputs HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n", then: "a")
        case .unread:
            again { play in
                guard let connection = RawSocket(play.socket) else { return }
                let requests = String(repeating: "GET /v1/jobs?limit=100 HTTP/1.1\r\n\r\n", count: 100)
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
        case .json:
            crowd(answered: "422", "400") { Self.monstrousJSON.randomElement(using: &$0.dice) ?? Request("GET /") }
        case .forged: again { $0.forged() }
        case .others: again { $0.others() }
        case .otherPorts: while ContinuousClock.now < end, failure == nil { otherPorts() }
        case .submits: crowd(answered: "201") { $0.job() }
        case .cancels: cancels()
        case .uploads: flood()
        case .lists:
            let paths = [
                "/v1/jobs?limit=100", "/v1/jobs?all=true&limit=100", "/v1/jobs/\(own)", "/v1/queue", "/v1/usage",
            ]
            crowd(answered: "200") { Request("GET \(paths.randomElement(using: &$0.dice) ?? "")") }
        case .absent:
            crowd(answered: "404") { play in
                Request("GET /v1/jobs/\(play.own)/\(Bool.random(using: &play.dice) ? "input" : "images/999")")
            }
        case .pictures:
            crowd(answered: "206") { Request("GET /v1/jobs/\($0.own)/input", "Range: bytes=0-0\r\n") }
        case .waits: waits()
        case .hoard: hoard()
        }
    }

    private mutating func again(_ body: (inout Play) -> Void) {
        while ContinuousClock.now < end, failure == nil {
            body(&self)
            cases += 1
        }
    }

    /// Sends one request on a connection of its own.
    @discardableResult
    private mutating func say(_ request: Request) -> String { say(request, on: RawSocket(socket)) }

    /// - Parameter connection: nil if it was refused.
    private mutating func say(_ request: Request, on connection: RawSocket?) -> String {
        guard let connection else { return "" }
        connection.send(request.text)
        let answer = connection.receiveAll()
        look(at: answer)
        return answer
    }

    /// About as many connections as eight users may have at once; more are refused.
    private static let crowd = 56

    /// Repeatedly sends a request on each of many connections, all before the first answer is read.
    ///
    /// - Parameter statuses: the statuses of a working attack. Another status means that nothing is attacked.
    private mutating func crowd(answered statuses: String..., asking request: (inout Play) -> Request) {
        while ContinuousClock.now < end, failure == nil {
            askAtOnce(statuses, request)
        }
    }

    @discardableResult
    private mutating func askAtOnce(_ statuses: [String], _ request: (inout Play) -> Request) -> [String] {
        var asked: [RawSocket] = []
        while asked.count < Self.crowd, let connection = RawSocket(socket) {
            connection.send(request(&self).text)
            asked.append(connection)
        }
        let answers = asked.map { $0.receiveAll() }
        for answer in answers {
            look(at: answer)
            let isExpected = statuses.contains { answer.hasPrefix("HTTP/1.1 \($0) ") }
            if isExpected { cases += 1 }
            // A refused connection gets no answer.
            if !isExpected, !answer.isEmpty, !answer.contains("over_limit") {
                failure = "not what this attack is about: \(answer.prefix(400))"
            }
        }
        return answers
    }

    /// A request for a job that is ready, with a picture that is never fetched.
    ///
    /// - Parameter options: the job's options, as JSON.
    private mutating func job(
        image: String = "https://example.org/1.png", prompt: String = "", negative: String = "", options: String = "{}"
    ) -> Request {
        Request(
            "POST /v1/jobs",
            body: """
                {"request": {"prompt": "attack \(dice.next())\(prompt)", "negative_prompt": "\(negative)", "image": "\(image)"},
                "options": \(options)}
                """)
    }

    /// - Returns: the number of the job that the attack is about.
    mutating func prepare() -> String? {
        switch attack.own {
        case .longPrompts: submitLongPrompts()
        case .largePicture: submitPicture()
        case nil: nil
        }
    }

    /// Submits as many jobs as a list shows, with the longest prompts, of characters that take the most room in JSON.
    ///
    /// - Returns: the number of one of them.
    private mutating func submitLongPrompts() -> String? {
        let quotes = String(repeating: #"\""#, count: 32_700)
        let answers = (0..<2).flatMap { _ in askAtOnce(["201"]) { $0.job(prompt: quotes, negative: quotes) } }
        guard let number = answers.lazy.compactMap({ Self.number(in: $0) }).first else {
            failure = failure ?? "no job was taken"
            return nil
        }
        return number
    }

    /// The number of the job in an answer.
    private static func number(in answer: String) -> String? {
        answer.firstMatch(of: /"id":([0-9]+)/).map { String($0.1) }
    }

    /// Uploads a large picture and submits a job with it.
    ///
    /// - Returns: the job's number.
    private mutating func submitPicture() -> String? {
        // A JPEG with 15 MB of comments.
        let comment = [0xFF, 0xFE, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 65_533)
        let start = Array(SamplePictures.jpeg.bytes.prefix(2))
        let picture = start + (0..<230).flatMap { _ in comment } + SamplePictures.jpeg.bytes.dropFirst(2)
        guard let connection = RawSocket(socket, patience: 20) else { return nil }
        connection.send("PUT /v1/inputs HTTP/1.1\r\nConnection: close\r\nContent-Length: \(picture.count)\r\n\r\n")
        connection.send(picture)
        let answer = connection.receiveAll()
        guard let hash = answer.firstMatch(of: /"image":"(sha256:[0-9a-f]+)"/)?.1 else {
            failure = "the picture was refused: \(answer.suffix(400))"
            return nil
        }
        let submitted = RawSocket(socket).map { connection in
            connection.send(job(image: String(hash)).text)
            return connection.receiveAll()
        }
        guard let number = submitted.flatMap({ Self.number(in: $0) }) else {
            failure = "the job was refused: \(submitted ?? "")"
            return nil
        }
        return number
    }

    private mutating func look(at answer: String) {
        if answer.contains(Victim.canary) { failure = "another's words came back: \(answer.suffix(400))" }
    }

    /// Holds as many connections as it can get, and keeps sending a little on each.
    private mutating func hold(
        _ beginning: String, then more: String = "", opening open: (Play) -> RawSocket? = { RawSocket($0.socket) }
    ) {
        var held: [RawSocket] = []
        while ContinuousClock.now < end {
            while held.count < 1000, ContinuousClock.now < end, let connection = open(self) {
                cases += 1
                guard connection.send(beginning) else { break }
                held.append(connection)
                if held.count % 64 == 0 { break }
            }
            if more.isEmpty { usleep(20_000) } else { held.removeAll { !$0.send(more) } }
            if held.count >= 1000 { held.removeFirst(500) }
        }
    }

    /// Holds as many connections as it can get, each as another of its subordinate uids.
    ///
    /// - Parameter every: one of this many connections sends a request and waits for the answer.
    private mutating func comeAsMany(asking request: Request, each every: Int) {
        var held: [RawSocket] = []
        while ContinuousClock.now < end, failure == nil {
            // The uids are those of the user namespace; 0 is the attacker itself.
            guard seteuid(UInt32.random(in: 1...65535, using: &dice)) == 0 else {
                failure = "cannot take on a subordinate uid"
                return
            }
            let connection = RawSocket(socket)
            seteuid(0)
            guard let connection else { continue }
            cases += 1
            if cases.isMultiple(of: every) {
                connection.send(request.text)
                let answer = connection.receiveAll()
                // A refused connection gets no answer.
                if !answer.isEmpty, !answer.contains("not_allowed"), !answer.contains("user_database_silent") {
                    failure = "a number that is nobody's is served: \(answer.prefix(400))"
                }
            }
            held.append(connection)
            if held.count >= 500 { held.removeFirst(250) }
        }
    }

    private mutating func cancels() {
        let words = String(repeating: "a", count: 4000)
        while ContinuousClock.now < end, failure == nil {
            let jobs = askAtOnce(["201"]) { $0.job(prompt: words) }.compactMap { Self.number(in: $0) }
            for job in jobs where ContinuousClock.now < end {
                let answer = say(Request("POST /v1/jobs/\(job)/cancel"))
                if answer.hasPrefix("HTTP/1.1 200 ") { cases += 1 }
            }
        }
    }

    /// Accepted data must count against the attacker's limit, byte for byte at least. Otherwise there is no bound.
    private mutating func hoard() {
        let words = String(repeating: "a", count: 32_700)
        var taken = 0
        while ContinuousClock.now < end, failure == nil {
            let answers = askAtOnce(["201"]) {
                $0.job(prompt: words, negative: words, options: #"{"not_before": "2099-01-01T00:00:00Z"}"#)
            }
            taken += answers.count { $0.hasPrefix("HTTP/1.1 201 ") }
        }
        let usage = say(Request("GET /v1/usage"))
        let counted = usage.firstMatch(of: /"kept_bytes":\{[^}]*"used":([0-9]+)/).flatMap { Int($0.1) }
        if failure == nil, counted.map({ $0 < taken * 2 * words.count }) ?? true {
            failure =
                "\(taken) jobs with \(2 * words.count) bytes each were taken, and this is counted: \(usage.suffix(800))"
        }
    }

    private mutating func flood() {
        let piece = [UInt8](repeating: 0, count: 64 << 10)
        var held: [(connection: RawSocket, pieces: Int)] = []
        while ContinuousClock.now < end {
            while held.count < Self.crowd, let connection = RawSocket(socket) {
                guard connection.send("PUT /v1/inputs HTTP/1.1\r\nContent-Length: 19999999\r\n\r\n") else { break }
                held.append((connection, 0))
            }
            // Keeps the number of each within the memory of a test host.
            for index in held.indices.reversed() where held[index].pieces < 8 {
                if held[index].connection.send(piece) {
                    held[index].pieces += 1
                    cases += 1
                } else {
                    held.remove(at: index)
                }
            }
            usleep(1000)
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
            // Mutates some of the shapes; others become pure noise.
            if Int.random(in: 0..<4, using: &dice) == 0 { bytes = [UInt8](repeating: 0, count: 500) }
            for _ in 0..<max(1, bytes.count / 20) {
                bytes[Int.random(in: bytes.indices, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
        }
        guard let connection = RawSocket(socket) else { return }
        connection.send(bytes)
        look(at: String(decoding: connection.receive(), as: UTF8.self))
    }

    /// As much structure as fits into a body, and as much as the decoder accepts.
    private static let monstrousJSON = {
        let wide = "[" + String(repeating: "{},", count: 80_000) + "0]"
        return [
            String(repeating: "[", count: 250_000), wide, "{\"request\": {\"prompt\": \(wide)}}",
            "{" + (0..<990).map { "\"k\($0)\": \"\($0)\"," }.joined() + "\"z\": 0}",
            "{\"request\": {\"prompt\": \"\(String(repeating: "\\u0041", count: 40_000))\"}}",
        ].map { Request("POST /v1/jobs", body: $0) }
    }()

    private mutating func forged() {
        let claims = ["root", "0", "victim", "\(Victim.uid)", "127.0.0.1"]
        let names = [
            "X-Forwarded-For", "X-Forwarded-User", "X-Remote-User", "Remote-User", "Authorization", "X-Real-IP", "Host",
            "Cookie",
            "X-Uid", "Forwarded", "From",
        ]
        let headers = names.map { "\($0): \(claims.randomElement(using: &dice) ?? "")\r\n" }.joined()
        let mine = say(Request("GET /v1/jobs/\(job)", headers))
        compare(mine, say(Request("GET /v1/jobs/\(Victim.noJob)", headers)), "a forged header")
    }

    private mutating func others() {
        for (method, path) in [
            ("GET", ""), ("HEAD", ""), ("DELETE", ""), ("GET", "?wait=1"), ("GET", "/images/1"), ("GET", "/input"),
            ("POST", "/cancel"), ("POST", "/retry"), ("PUT", "/images/1"), ("GET", "/nothing"),
        ] {
            let theirs = say(Request("\(method) /v1/jobs/\(job)\(path)"))
            compare(theirs, say(Request("\(method) /v1/jobs/\(Victim.noJob)\(path)")), "\(method) \(path)")
        }
        say(Request("GET /v1/events?since=0"))
        say(Request("GET /v1/events?all=true"))
        say(Request("POST /v1/queue/pause"))
        say(Request("GET /v1/usage?all=true"))
    }

    private mutating func otherPorts() {
        let bearer = "Authorization: Bearer victim\r\nX-Uid: \(Victim.uid)\r\nX-Forwarded-For: 127.0.0.1\r\n"
        let hosts = ["\(port)", "localhost:\(port.port)", "victim.localhost:\(port.port)", "evil.example", "fluxq"]
        let host = "Host: \(hosts.randomElement(using: &dice) ?? "")\r\n"
        func headers(_ more: String) -> String { host + more }
        for (method, path) in [
            ("GET", ""), ("GET", "?wait=1"), ("GET", "/images/1"), ("GET", "/input"), ("POST", "/cancel"),
            ("POST", "/retry"),
        ] {
            let more = headers(Bool.random(using: &dice) ? bearer : "")
            let theirs = say(Request("\(method) /v1/jobs/\(job)\(path)", more), on: RawSocket(port))
            let none = say(Request("\(method) /v1/jobs/\(Victim.noJob)\(path)", more), on: RawSocket(port))
            compare(theirs, none, "\(method) \(path) over TCP")
            // An attack that does not reach fluxqd is none.
            if theirs.hasPrefix("HTTP/1.1 404 ") { cases += 1 }
        }
        // As a web page of another site, and as an administrator.
        let origin = "Host: \(port)\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\n"
        for (request, what) in [
            (Request("POST /v1/jobs", origin, body: job().text), "a form of another site"),
            (Request("POST /v1/queue/resume", "Host: \(port)\r\n\(bearer)"), "an administrator over TCP"),
            (Request("GET /v1/usage?all=true", "Host: \(port)\r\n\(bearer)"), "an administrator's look over TCP"),
        ] {
            let answer = say(request, on: RawSocket(port))
            if answer.hasPrefix("HTTP/1.1 2") { failure = "\(what) is served: \(answer.prefix(400))" }
        }
        // Requests on connections that end before fluxqd asks whose they are.
        for _ in 0..<20 {
            guard let connection = RawSocket(port) else { break }
            if Bool.random(using: &dice) { connection.resetAtEnd() }
            connection.send(Request("POST /v1/jobs/\(job)/cancel", "Host: \(port)\r\n\(bearer)").text)
        }
    }

    /// The answers about another user's job and about a missing job must be the same, byte for byte. Over a limit,
    /// neither reveals anything.
    private mutating func compare(_ theirs: String, _ none: String, _ what: String) {
        if theirs.isEmpty || none.isEmpty || theirs.contains("over_limit") || none.contains("over_limit") { return }
        if theirs != none { failure = "\(what) tells a job from none:\n\(theirs)\n\(none)" }
    }

    private mutating func waits() {
        // Holds half of a user's connections, so that some remain for the requests that wake them.
        var held: [RawSocket] = []
        guard let job = Self.number(in: say(self.job())) else {
            failure = "no job was taken"
            return
        }
        while held.count < Self.crowd / 2, let connection = RawSocket(socket) {
            let path = held.count.isMultiple(of: 2) ? "/v1/events?since=0" : "/v1/jobs/\(job)?wait=300"
            connection.send("GET \(path) HTTP/1.1\r\n\r\n")
            held.append(connection)
        }
        while ContinuousClock.now < end, failure == nil {
            let answer = say(self.job())
            if Self.number(in: answer) != nil { cases += 1 }
            // A random stream reads a little.
            if let connection = held.randomElement(using: &dice) {
                look(at: String(decoding: connection.receive(waits: false), as: UTF8.self))
            }
        }
    }
}
