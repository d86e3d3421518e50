import FluxqControl
import FluxqModel
import FluxqStore

extension EventDocument {
    init(_ event: Event) {
        self.init(
            id: event.id, at: WireTime(event.at), job: event.job?.rawValue, uid: event.uid, actor: event.actor,
            kind: event.kind.rawValue, state: event.state?.rawValue)
    }
}
