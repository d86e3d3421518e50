import FluxqModel
import FluxqStore

/// The scene in which one owner's jobs fail, and the other owners' share of the calls is measured.
extension Simulation {
    private enum Numbers {
        /// The number of jobs of each measured owner.
        static let jobs = 60
        static let jobsElsewhere = 4
        /// The number of jobs of the model whose every call is answered 429.
        static let jobsOfSmallModel = 6
        /// The number of mallory's concurrent jobs, and of all her jobs.
        static let malloryAtOnce = 8
        static let mallory = 150
        static let steps = 200_000
    }

    /// Runs until all jobs have been called, except those of mallory and of the small model.
    func compete() throws {
        let headStart = clock.elapsed + dice.pick([0, 30_000, 600_000])
        let hasDave = dice.chance(0.4)
        while !life.isServing { try step() }
        while clock.elapsed < headStart {
            try topUpMallory()
            try step()
        }
        try topUpMallory()
        while life.visitsUnderWay > 0 { try step() }
        for _ in 0..<Numbers.jobs {
            for owner in scene.owners { try users.submit(on: Scene.contested, by: owner, to: life) }
        }
        for _ in 0..<Numbers.jobsElsewhere {
            for lane in scene.catalog.lanes where lane != Scene.contested && lane != Scene.small {
                try users.submit(on: lane, by: dice.pick(scene.owners), to: life)
            }
        }
        if hasDave {
            for _ in 0..<Numbers.jobsOfSmallModel { try users.submit(on: Scene.small, by: Scene.dave, to: life) }
        }
        while life.visitsUnderWay > 0 { try step() }
        for owner in scene.owners {
            referee.shares.begin(
                owner.uid, jobs: Numbers.jobs, rivals: scene.owners.count + 1 + (hasDave ? 1 : 0),
                elsewhere: Numbers.jobsElsewhere, at: clock.elapsed)
        }
        while !referee.shares.isOver {
            try topUpMallory()
            try step()
            if trace.step > Numbers.steps { throw Violation(description: "the owners' jobs are not called") }
        }
    }

    private func topUpMallory() throws {
        guard executor.count == 0, life.visitsUnderWay == 0, users.edits(of: Scene.mallory) < Numbers.mallory else {
            return
        }
        let missing = try Numbers.malloryAtOnce - referee.openJobs(of: Scene.mallory.uid)
        for _ in 0..<max(0, missing) {
            let lane = dice.chance(0.8) ? Scene.contested : dice.pick(scene.catalog.lanes)
            try users.submit(on: lane, by: Scene.mallory, to: life)
        }
    }
}

extension Referee {
    func openJobs(of uid: UInt32) throws -> Int {
        try books.jobs().count { $0.uid == uid && ($0.state == "queued" || $0.state == "running") }
    }
}
