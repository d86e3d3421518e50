import ArgumentParser
import FluxqProofKit
import Foundation

/// A defect planted on purpose, to check that the rounds find it.
enum Plant: String, CaseIterable, ExpressibleByArgument {
    /// After a death, the received answers in the spool are deleted, so a start finds none of them.
    case emptyIncoming = "empty-incoming"
    /// The notes are deleted, so a start finds only the inline pictures.
    case forgetNotes = "forget-notes"
    /// An answer of the OpenAI-compatible routes counts as delivered when its job is done.
    case noteEarly = "note-early"
    /// A request of the OpenAI-compatible routes is never found identical with a later one.
    case neverJoin = "never-join"

    /// Call this after a death.
    func apply(to stateDirectory: String) async throws {
        switch self {
        case .emptyIncoming, .forgetNotes: try removeAnswers(from: stateDirectory)
        case .noteEarly:
            try await StateDatabase.run(
                """
                CREATE TRIGGER IF NOT EXISTS planted AFTER UPDATE OF state ON jobs WHEN NEW.state = 'done' BEGIN
                    UPDATE door_requests SET delivered_at = NEW.finished_at WHERE job = NEW.id;
                END
                """, in: stateDirectory)
        case .neverJoin:
            try await StateDatabase.run(
                """
                CREATE TRIGGER IF NOT EXISTS planted AFTER INSERT ON door_requests BEGIN
                    UPDATE door_requests SET fingerprint = 'sha256:' || format('%064x', job) WHERE job = NEW.job;
                END
                """, in: stateDirectory)
        }
    }

    private func removeAnswers(from stateDirectory: String) throws {
        let incoming = "\(stateDirectory)/incoming"
        guard FileManager.default.fileExists(atPath: incoming) else { return }
        for name in try FileManager.default.contentsOfDirectory(atPath: incoming)
        where self == .emptyIncoming || name.hasSuffix(".answer") {
            try FileManager.default.removeItem(atPath: "\(incoming)/\(name)")
        }
    }
}
