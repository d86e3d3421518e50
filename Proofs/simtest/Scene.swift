import FluxqModel
import FluxqStore

/// The subject of a seed. Each scene leaves out most kinds of trouble, so that its own subject is tested clearly.
struct Scene {
    enum Kind {
        /// Everything at once, in the worst form.
        case storm
        /// Lanes fail in every way, one after the other and together. fluxq itself mostly runs undisturbed.
        case outages
        /// One owner's jobs fail, and the others' are served. The calls of each owner are counted.
        case rivalry
    }

    /// The way in which calls and their links end without an outage.
    struct Habits {
        var plans: [(SimulatedCall.Plan, Int)] = [(.pictures, 1)]
        var links: [(SimulatedLink.Behaviour, Int)] = [(.good, 1)]
        /// The maximum duration of a call, in milliseconds.
        var latency: Int
        /// True if every call takes exactly that long.
        var isSteady = false
        /// True if answers may have fewer pictures than were requested, errors in their place, and broken ones.
        var isSloppy = false
        var inlineShare: Double
    }

    /// The owner whose jobs always fail.
    static let mallory = User(uid: 1009, name: "mallory")
    private static let others = ["alice", "bob", "carol"].enumerated().map { User(uid: 1000 + UInt32($0), name: $1) }
    /// An owner with six jobs of the model with the small quota.
    static let dave = User(uid: 1008, name: "dave")
    /// The lane of a model whose quota is used up: every call is answered 429.
    static let small = Lane(endpoint: "east", model: "small")

    /// The lane on which the share of each owner is measured.
    static let contested = Lane(endpoint: "east", model: "m")

    let kind: Kind
    let catalog: ModelCatalog
    /// The owners whose jobs are served.
    let owners: [User]
    /// The ways in which mallory's jobs fail; empty if the scene has no mallory.
    let ways: [Hostility]
    let habits: Habits
    let weights: [(Move, Int)]
    let moves: Int
    /// The probability of a move while something could run.
    let restlessness: Double
    /// The maximum duration of a step, in milliseconds.
    let slowness: Int

    init(_ dice: Dice) {
        kind = dice.pick([(.storm, 5), (.outages, 4), (.rivalry, 1)])
        let atOnce = dice.roll(1...4)
        var endpoints: [ModelCatalog.Endpoint] = [.init(name: "east", models: ["m"], concurrency: atOnce)]
        switch kind {
        case .storm, .outages:
            if dice.chance(0.5) { endpoints[0].models.append("n") }
            if dice.chance(0.3) { endpoints.append(.init(name: "west", models: ["o"], concurrency: dice.roll(1...4))) }
        case .rivalry:
            endpoints[0].models += ["n", Self.small.model]
            endpoints.append(.init(name: "west", models: ["o"], concurrency: 2))
        }
        catalog = ModelCatalog(endpoints: endpoints, defaultModel: "m")
        owners = Array(Self.others.prefix(kind == .rivalry ? dice.roll(1...2) : dice.roll(1...3)))
        let isHostile = kind == .rivalry || dice.chance(0.3)
        ways = !isHostile ? [] : dice.chance(0.7) ? [dice.pick(Hostility.allCases)] : Hostility.allCases
        habits = Self.habits(kind, dice)
        weights = Move.weights(kind, dice)
        moves = kind == .rivalry ? 0 : dice.roll(20...120)
        restlessness = kind == .storm ? dice.pick([0.005, 0.03, 0.1]) : 0.005
        slowness = kind == .storm ? dice.pick([0, 0, 2, 50]) : 0
    }

    private static func habits(_ kind: Kind, _ dice: Dice) -> Habits {
        func lean<Value: Equatable>(_ all: [Value], to usual: Value, _ weight: Int) -> [(Value, Int)] {
            all.map { ($0, $0 == usual ? weight : dice.chance(0.4) ? dice.roll(1...4) : 0) }
        }
        switch kind {
        case .storm:
            return Habits(
                plans: lean(SimulatedCall.Plan.byChance, to: .pictures, dice.pick([4, 12, 30])),
                links: lean(SimulatedLink.Behaviour.allCases, to: .good, dice.pick([2, 8, 20])),
                latency: dice.pick([10, 1000, 20_000, 90_000]), isSloppy: true, inlineShare: dice.pick([0, 0.3, 1]))
        case .outages:
            return Habits(latency: dice.pick([10, 1000, 20_000]), inlineShare: dice.pick([0, 0.3, 1]))
        case .rivalry:
            return Habits(latency: dice.pick([200, 1000, 5000]), isSteady: true, inlineShare: dice.pick([0, 1]))
        }
    }

    func lane(of model: String) -> Lane {
        catalog.lane(for: model) ?? Lane(endpoint: Lane.defaultEndpoint, model: model)
    }

    /// The number of concurrent calls at an endpoint.
    func concurrency(of endpoint: String) -> Int {
        catalog.endpoints.first { $0.name == endpoint }?.concurrency ?? 1
    }
}
