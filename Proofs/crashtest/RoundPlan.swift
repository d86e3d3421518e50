import FluxqModel
import FluxqProofKit
import FluxqSandbox
import FluxqTestSupport
import Foundation

/// The plan of a round: errands, and the deaths of the daemons that run them, before the last daemon may live.
struct RoundPlan: Sendable {
    let name: String
    let errands: [Errand]
    /// Clients of the OpenAI-compatible routes.
    let clients: [DoorErrand]
    let deaths: [Death]

    /// True if there must be no database yet.
    var needsNewHistory: Bool { deaths.contains { $0.point?.stage == .firstStart } }
}

/// Draws rounds from a seed. Every point is used once before any is used again.
struct RoundPlanner {
    /// One of this many rounds kills at random times only.
    private static let roundsBetweenMoments = 5

    let seed: UInt64
    private let points: [CrashPoint]
    private var random: SplitMix64
    private var deck: [CrashPoint] = []
    private var rounds = 0

    init(seed: UInt64, points: [CrashPoint]) {
        self.seed = seed
        self.points = points
        random = SplitMix64(state: seed)
    }

    /// - Parameter directory: for the pictures that the round's clients upload.
    mutating func next(in directory: String) throws -> RoundPlan {
        rounds += 1
        let name = "\(seed)-\(rounds)"
        return RoundPlan(
            name: name, errands: try errands(name, in: directory), clients: clients(name), deaths: deaths())
    }

    private mutating func deaths() -> [Death] {
        guard !rounds.isMultiple(of: Self.roundsBetweenMoments) else {
            return (0..<Int.random(in: 1...3, using: &random)).map { _ in .moment(&random) }
        }
        if deck.isEmpty { deck = points.shuffled(using: &random) }
        let point = deck.removeLast()
        var deaths = [Death.at(point, &random)]
        switch point.stage {
        case .start: deaths.insert(deathAtWork(before: point), at: 0)
        case .firstStart, .housekeeping, .work, .stop: break
        }
        // Sometimes the next daemon dies early as well.
        if Int.random(in: 0..<3, using: &random) == 0 {
            deaths.append(Bool.random(using: &random) ? .moment(&random) : deathAtWork())
        }
        return deaths
    }

    /// - Parameter next: a point that the next daemon may pass only because of the state that this one leaves.
    private mutating func deathAtWork(before next: CrashPoint? = nil) -> Death {
        let points: [CrashPoint] =
            switch next {
            case .interruptedCallEnded: [.lastByteReleased, .lastByteHandedOver, .answerHeadReceived]
            case .answerTakenBack: [.inlinePictureReceived, .answerRead, .fileLinked, .inlinePictureArchived]
            default: CrashPoint.allCases.filter { $0.stage == .work }
            }
        return .at(points.randomElement(using: &random) ?? .intentCommitted, &random)
    }
}

/// Errands.
extension RoundPlanner {
    /// A few errands that pass every point of the daemon's work, and some random ones.
    private mutating func errands(_ name: String, in directory: String) throws -> [Errand] {
        var errands = [
            errand("\(name)-link", picture: try upload("\(name)-link", in: directory), n: 2),
            errand("\(name)-inline", picture: .link, n: 4, format: .b64JSON),
            errand("\(name)-cut", picture: .link, words: "sandbox:truncated", n: 4, format: .b64JSON),
            errand("\(name)-cancel", picture: try upload("\(name)-cancel", in: directory), wish: .cancel),
            errand("\(name)-retry", picture: .link, words: "sandbox:rejected sandbox:times=1", wish: .retry),
        ]
        for number in 0..<Int.random(in: 2...6, using: &random) {
            errands.append(try drawnErrand("\(name)-\(number)", in: directory))
        }
        return errands.shuffled(using: &random)
    }

    private static let words = [
        "", "", "", "", "sandbox:slow=0.03", "sandbox:slow=0.1", "sandbox:both", "sandbox:fewer=1",
        "sandbox:item-error", "sandbox:reset", "sandbox:reset sandbox:times=1", "sandbox:moderated", "sandbox:empty",
        "sandbox:server-error sandbox:times=1", "sandbox:slow-link=0.03", "sandbox:truncated-picture sandbox:inline",
        "sandbox:gateway", "sandbox:bytes=200000", "sandbox:truncated",
    ]

    private mutating func drawnErrand(_ name: String, in directory: String) throws -> Errand {
        let picture: Errand.Picture =
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1: try upload(name, in: directory)
            case 2: .inline(base64: Data(photograph(name)).base64EncodedString())
            default: .link
            }
        return Errand(
            name: name, picture: picture, words: Self.words.randomElement(using: &random) ?? "",
            n: [nil, 1, 2, 3, 4].randomElement(using: &random) ?? nil,
            format: [nil, .url, .b64JSON].randomElement(using: &random) ?? nil,
            isKeyed: Int.random(in: 0..<5, using: &random) > 0,
            onUnknown: Int.random(in: 0..<4, using: &random) == 0 ? .retry : .fail,
            wish: Int.random(in: 0..<8, using: &random) == 0 ? .cancel : .nothing)
    }

    /// One client that passes every point between an answer and its delivery, and some that hang up.
    private mutating func clients(_ name: String) -> [DoorErrand] {
        var clients = [
            DoorErrand(
                name: "\(name)-door", words: "", n: 2, form: .multipart, hangUps: [], farewell: .sendsAnother,
                isMarked: true)
        ]
        for number in 0..<Int.random(in: 1...4, using: &random) {
            clients.append(
                DoorErrand(
                    name: "\(name)-door\(number)", words: Self.doorWords.randomElement(using: &random) ?? "",
                    n: [nil, 1, 2].randomElement(using: &random) ?? nil,
                    form: DoorErrand.Form.allCases.randomElement(using: &random) ?? .json,
                    hangUps: (0..<Int.random(in: 0...DoorErrand.retries, using: &random)).map { _ in hangUp() },
                    farewell: DoorExchange.Farewell.allCases.randomElement(using: &random) ?? .closes,
                    isMarked: Bool.random(using: &random)))
        }
        return clients
    }

    private static let doorWords = [
        "", "", "", "sandbox:slow=0.03", "sandbox:slow=0.2", "sandbox:both", "sandbox:bytes=400000",
        "sandbox:fewer=1", "sandbox:moderated", "sandbox:reset", "sandbox:empty", "sandbox:truncated",
    ]

    private mutating func hangUp() -> DoorExchange.HangUp {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: .inRequest(.random(in: 0..<1, using: &random))
        case 1: .waiting(.zero)
        case 2: .waiting(.milliseconds(Int.random(in: 0...100, using: &random)))
        default: .inAnswer(.random(in: 0..<1, using: &random))
        }
    }

    private func errand(
        _ name: String, picture: Errand.Picture, words: String = "", n: Int? = nil,
        format: EditRequest.ResponseFormat? = nil, wish: Errand.Wish = .nothing
    ) -> Errand {
        Errand(
            name: name, picture: picture, words: words, n: n, format: format, isKeyed: true, onUnknown: .fail,
            wish: wish)
    }

    private func upload(_ name: String, in directory: String) throws -> Errand.Picture {
        let path = "\(directory)/\(name).jpg"
        try Data(photograph(name)).write(to: URL(filePath: path))
        return .upload(file: path)
    }

    /// A unique picture: bytes after a JPEG's end belong to the file.
    private func photograph(_ name: String) -> [UInt8] {
        SamplePictures.jpeg.bytes + Array(name.utf8)
    }
}
