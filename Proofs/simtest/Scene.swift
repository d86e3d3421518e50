import FluxqModel
import FluxqStore

/// What a seed is about. Each leaves most kinds of trouble out, so that what it is for is seen clearly.
struct Scene {
    enum Kind {
        /// Everything at once, as bad as it comes.
        case storm
        /// Lanes fail in every way, one after the other and together; fluxq itself mostly runs undisturbed.
        case outages
        /// One owner's jobs fail, and the others' are served: who gets how many calls is measured.
        case rivalry
    }

    /// How calls and their links end while no outage is on.
    struct Habits {
        var plans: [(SimulatedCall.Plan, Int)] = [(.pictures, 1)]
        var links: [(SimulatedLink.Behaviour, Int)] = [(.good, 1)]
        /// Milliseconds of a call, at most.
        var latency: Int
        /// Every call takes exactly that long.
        var isSteady = false
        /// Answers may have fewer pictures than were asked for, errors in their place, and broken ones.
        var isSloppy = false
        var inlineShare: Double
    }

    /// The owner whose jobs can never be done.
    static let mallory = Owner(uid: 1009, name: "mallory")
    private static let others = ["alice", "bob", "carol"].enumerated().map { Owner(uid: 1000 + UInt32($0), name: $1) }
    /// Has six jobs of the model with the small quota.
    static let dave = Owner(uid: 1008, name: "dave")
    /// Of a model whose quota is used up: every call is answered 429.
    static let small = Lane(endpoint: "east", model: "small")

    /// Where the share of each owner is measured.
    static let contested = Lane(endpoint: "east", model: "m")

    let kind: Kind
    let catalog: ModelCatalog
    /// Whose jobs are served.
    let owners: [Owner]
    /// In which ways mallory's jobs fail; empty if there is nobody of that name.
    let ways: [Hostility]
    let habits: Habits
    let weights: [(Move, Int)]
    let moves: Int
    /// How often the world moves while something could run.
    let restlessness: Double
    /// Milliseconds that a step takes at most.
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

    /// Calls at once at an endpoint.
    func concurrency(of endpoint: String) -> Int {
        catalog.endpoints.first { $0.name == endpoint }?.concurrency ?? 1
    }
}
