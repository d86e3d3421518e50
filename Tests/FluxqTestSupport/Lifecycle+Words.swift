package import FluxqModel
import FluxqWords

extension Lifecycle.State {
    /// The warning of a job that is done, as people read it.
    package var warning: String? {
        guard case .done(let warning) = self else { return nil }
        return warning?.words
    }
}
