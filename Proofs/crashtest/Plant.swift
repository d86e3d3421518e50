import ArgumentParser
import Foundation

/// A defect planted on purpose, to see that the rounds find it.
enum Plant: String, CaseIterable, ExpressibleByArgument {
    /// A start finds nothing of the answers that a killed fluxqd had received.
    case emptyIncoming = "empty-incoming"
    /// It finds their inline pictures alone.
    case forgetNotes = "forget-notes"

    /// To be called after a death.
    func apply(to stateDirectory: String) throws {
        let incoming = "\(stateDirectory)/incoming"
        guard FileManager.default.fileExists(atPath: incoming) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: incoming)
        where self == .emptyIncoming || name.hasSuffix(".answer") {
            try FileManager.default.removeItem(atPath: "\(incoming)/\(name)")
        }
    }
}
