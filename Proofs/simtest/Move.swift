/// A change in the daemon's environment between two of its steps.
enum Move: String, CaseIterable {
    case letTimePass, submit, submitAgain, bringInput, cancel, retry, wait
    case turnOutage, turnCeiling, setClock, fillDisk, pause, resume, crash, drain, giveUp, forget

    /// The likelihood of each move in a seed. Many seeds leave some kinds out, so that the others are tested alone.
    static func weights(_ scene: Scene.Kind, _ dice: Dice) -> [(Move, Int)] {
        let disturbs = scene == .storm || dice.chance(0.2)
        return allCases.map { move in
            switch move {
            case .letTimePass: (move, dice.roll(20...80))
            case .submit: (move, dice.roll(4...20))
            case .turnOutage where scene == .outages: (move, dice.roll(4...20))
            case .turnCeiling where scene == .outages: (move, 0)
            case .submitAgain, .bringInput, .cancel, .retry, .forget, .wait, .turnOutage, .turnCeiling:
                (move, dice.chance(0.3) ? 0 : dice.roll(1...10))
            case .resume: (move, disturbs ? dice.roll(1...10) : 0)
            case .setClock, .fillDisk, .pause, .crash, .drain, .giveUp:
                (move, !disturbs || dice.chance(0.5) ? 0 : dice.roll(1...4))
            }
        }
    }
}
