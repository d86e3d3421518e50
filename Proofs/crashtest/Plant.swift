import ArgumentParser
import Foundation

/// A defect planted on purpose, to check that the rounds find it.
enum Plant: String, CaseIterable, ExpressibleByArgument {
    /// After a death, the received answers in the spool are deleted, so a start finds none of them.
    case emptyIncoming = "empty-incoming"
    /// The notes are deleted, so a start finds only the inline pictures.
    case forgetNotes = "forget-notes"

    /// Call this after a death.
    func apply(to stateDirectory: String) throws {
        let incoming = "\(stateDirectory)/incoming"
        guard FileManager.default.fileExists(atPath: incoming) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: incoming)
        where self == .emptyIncoming || name.hasSuffix(".answer") {
            try FileManager.default.removeItem(atPath: "\(incoming)/\(name)")
        }
    }
}
