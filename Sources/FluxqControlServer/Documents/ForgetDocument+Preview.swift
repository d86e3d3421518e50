import FluxqControl
import FluxqModel
import FluxqStore

extension ForgetDocument {
    init(_ preview: ForgetPreview, before: Timestamp) {
        self.init(pending: preview.pending, before: WireTime(before))
        set(preview.sum)
        let staying = preview.staying.sorted { $0.key.rawValue < $1.key.rawValue }
        if !staying.isEmpty {
            self.staying = staying.map { Staying(id: $0.key.rawValue, problem: Self.words(for: $0.value)) }
        }
    }

    mutating func set(_ sum: ForgottenSum) {
        jobs = sum.jobs
        pictures = sum.pictures
        bytes = sum.bytes
        textBytes = sum.textBytes
    }

    private static func words(for reason: NotForgotten) -> String {
        switch reason {
        case .noSuchJob: "You have no job with that number. Only its owner can forget a job."
        case .notEnded(let state):
            "The job is \(state.rawValue); only ended jobs can be forgotten. Cancel it first, or wait until it has "
                + "ended."
        case .pending:
            "fluxqd still has to download one of its paid pictures. Wait until that is done, or its link has expired."
        case .notMeant: "The job does not match the request: another label or state, or it ended later."
        }
    }
}
