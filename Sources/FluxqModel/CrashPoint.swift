import Glibc
import Synchronization

/// A moment between two effects at which a sudden end of the process could leave related data inconsistent. Each point
/// is named after the effect before it.
///
/// With `FLUXQ_CRASH_POINT=NAME:N` a debug build kills itself, as by kill -9, when it passes the point for the Nth
/// time. `make crashtest` uses this to test every gap. In a release build the points do nothing, and the variable is
/// unknown.
package enum CrashPoint: String, CaseIterable, Sendable {
    // A start.
    case directoryLocked, incomingEmptied, databaseOpened
    /// Inside the transaction of a migration.
    case migrationWritten
    case databaseMigrated
    /// Inside the transaction that settles the calls which a dead process left in flight, after each of them.
    case interruptedCallEnded
    case recoveryCommitted, socketBound, readinessAnnounced

    // Any change of the database: before its commit, and after the commit but before any caller is answered.
    case transactionWritten, transactionCommitted

    // A file on its way into the archive.
    case fileSynced, fileRenamed, directorySynced
    /// A file that keeps the name of its call has a second name, which is then renamed.
    case fileLinked

    // A client's request, before its answer.
    case inputReceived, inputArchived, inputRecorded
    case submitCommitted, cancelCommitted, retryCommitted

    // A call.
    case intentCommitted
    /// The request's last byte is released, and may or may not leave.
    case lastByteReleased
    case lastByteHandedOver, answerHeadReceived
    /// The answer's head is in incoming/; then each of its inline pictures under the name of the call; then the rest of
    /// the answer. From there on a start finds it.
    case answerBegun, inlinePictureReceived, answerRead
    case inlinePictureArchived, answerRecorded, answerForgotten

    /// An answer that a dead process had received was recorded.
    case answerTakenBack

    // A picture behind a link.
    case pictureReceived, pictureArchived, pictureRecorded

    /// The answer of an OpenAI-compatible request is made from the archive; its first bytes are handed to the connection;
    /// the kernel has all of it; the client has taken all of it; and that is recorded.
    case doorAnswerMade, doorAnswerBegun, doorAnswerSent, doorAnswerTaken, doorDeliveryNoted

    // Unused content.
    case inputForgotten, contentUnlinked

    // A stop.
    case drainBegun, drainEnded, databaseClosed, socketRemoved

    /// Does nothing, unless a debug build was told to end at this point.
    package func pass() {
        #if DEBUG
            Self.sentence?.carryOut(at: self)
        #endif
    }

    /// Environment variables that this build understands.
    package static var environmentVariables: Set<String> {
        #if DEBUG
            [Sentence.variable]
        #else
            []
        #endif
    }
}

#if DEBUG
    extension CrashPoint {
        private static let sentence = Sentence()

        /// The point at which this process has to end.
        private final class Sentence: Sendable {
            static let variable = "FLUXQ_CRASH_POINT"

            private let point: CrashPoint
            private let lastPassage: Int
            private let passages = Atomic(0)

            /// nil if the environment names no point.
            init?() {
                guard let text = getenv(Self.variable).map({ String(cString: $0) }) else { return nil }
                let parts = text.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, let point = CrashPoint(rawValue: String(parts[0])),
                    let passage = Int(parts[1]), passage > 0
                else {
                    fatalError(
                        "\(Self.variable) must be a point of CrashPoint, a colon and which passage of it, from 1")
                }
                self.point = point
                lastPassage = passage
            }

            func carryOut(at passed: CrashPoint) {
                guard passed == point, passages.add(1, ordering: .relaxed).newValue == lastPassage else { return }
                kill(getpid(), SIGKILL)
            }
        }
    }
#endif
