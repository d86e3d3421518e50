import Glibc
import Synchronization

/// A moment between two effects, where a sudden end of the process could tear apart what belongs together. Each is named
/// after the effect just done.
///
/// With `FLUXQ_CRASH_POINT=NAME:N` a debug build kills itself, as by kill -9, when it passes the point for the Nth time:
/// that is how `make crashtest` holds every gap open. In a release build passing does nothing, and the variable is unknown.
package enum CrashPoint: String, CaseIterable, Sendable {
    // A start.
    case directoryLocked, incomingEmptied, databaseOpened
    /// Inside the transaction of a migration.
    case migrationWritten
    case databaseMigrated
    /// Inside the transaction that ends the calls which a dead process left in flight, after each of them.
    case interruptedCallEnded
    case recoveryCommitted, socketBound, readinessAnnounced

    // Any change of the database: before its commit, and before anybody hears of it.
    case transactionWritten, transactionCommitted

    // A file on its way into the archive.
    case fileSynced, fileRenamed, directorySynced
    /// Of a file that keeps the name of its call beside its place.
    case fileLinked

    // What a client asks for, before it gets its answer.
    case inputReceived, inputArchived, inputRecorded
    case submitCommitted, cancelCommitted, retryCommitted

    // A call.
    case intentCommitted
    /// The request's last byte is let go, and may or may not leave.
    case lastByteReleased
    case lastByteHandedOver, answerHeadReceived
    /// The answer's head stands in incoming/; then each of its inline pictures under the name of the call; then all that the
    /// answer says. From there on a start finds it.
    case answerBegun, inlinePictureReceived, answerRead
    case inlinePictureArchived, answerRecorded, answerForgotten

    /// An answer that a dead process had received is recorded.
    case answerTakenBack

    // A picture behind a link.
    case pictureReceived, pictureArchived, pictureRecorded

    // What nobody uses any more.
    case inputForgotten, contentUnlinked

    // A stop.
    case drainBegun, drainEnded, databaseClosed, socketRemoved

    /// Does nothing, unless this is where a debug build was told to end.
    package func pass() {
        #if DEBUG
            Self.sentence?.carryOut(at: self)
        #endif
    }

    /// Variables of the environment that this build understands.
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

        /// Where this process is to end.
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
