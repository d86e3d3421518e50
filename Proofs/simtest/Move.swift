/// What the world may do between two steps of the daemon.
enum Move: String, CaseIterable {
    case letTimePass, submit, submitAgain, bringInput, cancel, retry, wait
    case turnWeather, setClock, fillDisk, pause, resume, crash, drain, giveUp

    /// How likely each is in a seed: many seeds leave some kinds out, so that the others are seen alone.
    static func weights(_ dice: Dice) -> [(Move, Int)] {
        allCases.map { move in
            switch move {
            case .letTimePass: (move, dice.roll(20...80))
            case .submit: (move, dice.roll(4...20))
            case .submitAgain, .bringInput, .cancel, .retry, .wait, .turnWeather:
                (move, dice.chance(0.3) ? 0 : dice.roll(1...10))
            case .resume: (move, dice.roll(1...10))
            case .setClock, .fillDisk, .pause, .crash, .drain, .giveUp: (move, dice.chance(0.5) ? 0 : dice.roll(1...4))
            }
        }
    }
}
