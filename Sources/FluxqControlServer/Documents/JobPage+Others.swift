import FluxqControl
import FluxqModel
import FluxqStore

extension JobPage.Other {
    init(_ job: OthersJob) {
        self.init(owner: job.owner.name, uid: job.owner.uid, state: job.state.rawValue, place: job.place)
    }
}
