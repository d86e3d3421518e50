import Crypto
import FluxqProofKit
import Foundation
import Glibc

/// One request to the OpenAI-compatible routes on a connection of its own, byte by byte. Blocks the calling thread.
struct DoorExchange: Sendable {
    /// The moment at which a client hangs up.
    enum HangUp: Sendable {
        case never
        /// After this share of the request, but before its last byte.
        case inRequest(Double)
        /// This long after the request, whether an answer has come or not.
        case waiting(Duration)
        /// After this share of the answer, but before its last byte.
        case inAnswer(Double)
    }

    /// How a client shows that it has taken the whole answer.
    enum Farewell: CaseIterable, Sendable {
        case closes, sendsAnother
    }

    enum Result: Sendable {
        case answered(Answer)
        case hungUp
        /// The daemon was not there, or closed the connection.
        case lost
    }

    struct Answer: Sendable {
        let status: Int
        /// By name in lower case.
        let headers: [String: String]
        let body: Data
    }

    /// In seconds; much more than any answer takes.
    private static let patience = 60

    let socket: String
    let request: [UInt8]
    let hangUp: HangUp
    let farewell: Farewell

    func run() -> Result {
        guard let connection = RawSocket(socket, patience: Self.patience) else { return .lost }
        if case .inRequest(let share) = hangUp {
            return connection.send(Array(request.prefix(Int(share * Double(request.count))))) ? .hungUp : .lost
        }
        guard connection.send(request) else { return .lost }
        if case .waiting(let time) = hangUp {
            usleep(UInt32(time.components.seconds * 1_000_000 + time.components.attoseconds / 1_000_000_000_000))
            return .hungUp
        }
        guard let (head, status, headers) = head(connection) else { return .lost }
        guard let length = headers["content-length"].flatMap(Int.init) else { return .lost }
        var wanted = length
        if case .inAnswer(let share) = hangUp {
            wanted = Int(share * Double(head + length)) - head
            // The rest is never taken, and the kernel tells the daemon so.
            if wanted < 0 { return .hungUp }
        }
        var body: [UInt8] = []
        while body.count < wanted {
            let piece = connection.receive(most: min(wanted - body.count, 64 << 10))
            if piece.isEmpty { return .lost }
            body += piece
        }
        if case .inAnswer = hangUp { return .hungUp }
        if farewell == .sendsAnother {
            connection.send("GET /v1/models HTTP/1.1\r\nHost: fluxq\r\nConnection: close\r\n\r\n")
            _ = connection.receiveAll()
        }
        return .answered(Answer(status: status, headers: headers, body: Data(body)))
    }

    /// Takes an answer's head, and not one byte more.
    private func head(_ connection: RawSocket) -> (bytes: Int, status: Int, headers: [String: String])? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            let byte = connection.receive(most: 1)
            if byte.isEmpty { return nil }
            bytes += byte
        }
        let lines = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        guard words.count > 1, let status = Int(words[1]) else { return nil }
        let fields = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (
                line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            )
        }
        return (bytes.count, status, Dictionary(fields) { first, _ in first })
    }
}

extension DoorExchange.Answer {
    var shouldRetry: Bool { headers["x-should-retry"] == "true" }

    /// nil if the body is not what OpenAI's clients expect.
    var document: DoorAnswer? {
        struct Pictures: Decodable {
            struct Item: Decodable { let b64_json: Data }
            let data: [Item]
        }
        struct Failure: Decodable {
            struct Error: Decodable { let code: String? }
            let error: Error
        }
        let decoder = JSONDecoder()
        if status == 200 {
            guard let pictures = try? decoder.decode(Pictures.self, from: body) else { return nil }
            return .pictures(
                job: headers["x-fluxq-job"].flatMap(Int64.init),
                pictures.data.map { item in
                    SHA256.hash(data: item.b64_json).map { String(format: "%02x", $0) }.joined()
                })
        }
        guard let failure = try? decoder.decode(Failure.self, from: body) else { return nil }
        return .error(status: status, code: failure.error.code)
    }
}
