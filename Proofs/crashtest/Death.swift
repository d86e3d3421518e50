import FluxqModel
import FluxqSandbox
import FluxqTestSupport
import FluxqWorkers

/// How the life of a daemon ends.
enum Death: Sendable, CustomStringConvertible {
    /// The daemon kills itself when it passes a point for the Nth time.
    case point(CrashPoint, passage: Int)
    /// The same, after it was asked to stop this long after its start.
    case stopping(CrashPoint, after: Duration)
    /// A kill -9 from outside, this long after its start.
    case moment(Duration)

    var description: String {
        switch self {
        case .point(let point, let passage): "\(point.rawValue):\(passage)"
        case .stopping(let point, let after): "\(point.rawValue):1, asked to stop after \(after)"
        case .moment(let after): "kill -9 after \(after)"
        }
    }

    var point: CrashPoint? {
        switch self {
        case .point(let point, _), .stopping(let point, _): point
        case .moment: nil
        }
    }

    /// The minimum of answer data that had been received if the death came as planned.
    var read: (pictures: Int, answers: Int) {
        switch self {
        case .point(.inlinePictureReceived, let passage), .point(.inlinePictureArchived, let passage): (passage, 0)
        case .point(.answerRead, let passage), .point(.answerRecorded, let passage),
            .point(.answerForgotten, let passage):
            (0, passage)
        case .point, .stopping, .moment: (0, 0)
        }
    }

    /// True if answers that an earlier life had received may be among them, because a start recovers those.
    var mayCountEarlierAnswers: Bool {
        [.inlinePictureArchived, .answerRecorded, .answerForgotten].contains(point)
    }

    /// The variables that tell the daemon where to die.
    var environment: [String: String] {
        let sentence: String
        switch self {
        case .point(let point, let passage): sentence = "\(point.rawValue):\(passage)"
        case .stopping(let point, _): sentence = "\(point.rawValue):1"
        case .moment: return [:]
        }
        let watching = ClockTrust.environmentVariables.map { ($0, "0") }
        return Dictionary(uniqueKeysWithValues: CrashPoint.environmentVariables.map { ($0, sentence) } + watching)
    }
}

extension Death {
    /// From 0 to more than a start takes, about as long as a round's jobs take.
    private static let moments = 0...160

    static func moment(_ random: inout SplitMix64) -> Death {
        .moment(.milliseconds(Int.random(in: moments, using: &random)))
    }

    static func at(_ point: CrashPoint, _ random: inout SplitMix64) -> Death {
        switch point.stage {
        case .stop: .stopping(point, after: .milliseconds(Int.random(in: moments, using: &random)))
        case .firstStart, .start, .housekeeping, .work:
            .point(point, passage: Int.random(in: 1...point.passagesInARound, using: &random))
        }
    }
}

extension CrashPoint {
    /// The stage of a daemon's life in which a point is passed.
    enum Stage {
        /// Only if there is no database yet.
        case firstStart
        case start
        /// At a start, if an input has expired.
        case housekeeping
        case work
        case stop
    }

    var stage: Stage {
        switch self {
        case .migrationWritten: .firstStart
        case .directoryLocked, .incomingEmptied, .databaseOpened, .databaseMigrated, .interruptedCallEnded,
            .recoveryCommitted, .socketBound, .readinessAnnounced, .answerTakenBack:
            .start
        case .inputForgotten, .contentUnlinked: .housekeeping
        case .transactionWritten, .transactionCommitted, .fileSynced, .fileRenamed, .directorySynced, .inputReceived,
            .inputArchived, .inputRecorded, .submitCommitted, .cancelCommitted, .retryCommitted, .intentCommitted,
            .lastByteReleased, .lastByteHandedOver, .answerHeadReceived, .answerBegun, .inlinePictureReceived,
            .answerRead,
            .fileLinked, .inlinePictureArchived, .answerRecorded, .answerForgotten, .pictureReceived, .pictureArchived,
            .pictureRecorded, .doorAnswerMade, .doorAnswerBegun, .doorAnswerSent, .doorAnswerTaken, .doorDeliveryNoted:
            .work
        case .drainBegun, .drainEnded, .databaseClosed, .socketRemoved: .stop
        }
    }

    /// The approximate minimum of passages in one round.
    var passagesInARound: Int {
        switch self {
        case .transactionWritten, .transactionCommitted: 20
        case .fileSynced, .fileRenamed, .directorySynced: 8
        case .submitCommitted, .intentCommitted, .lastByteReleased, .lastByteHandedOver, .answerHeadReceived,
            .answerRead, .answerRecorded, .answerForgotten:
            6
        case .pictureReceived, .pictureArchived, .pictureRecorded: 4
        case .inlinePictureReceived, .fileLinked, .inlinePictureArchived: 5
        case .inputReceived, .inputArchived, .inputRecorded: 3
        case .interruptedCallEnded, .answerBegun: 2
        case .directoryLocked, .incomingEmptied, .databaseOpened, .migrationWritten, .databaseMigrated,
            .recoveryCommitted, .socketBound, .readinessAnnounced, .answerTakenBack, .cancelCommitted, .retryCommitted,
            .inputForgotten,
            .contentUnlinked, .doorAnswerMade, .doorAnswerBegun, .doorAnswerSent, .doorAnswerTaken,
            .doorDeliveryNoted, .drainBegun, .drainEnded, .databaseClosed, .socketRemoved:
            1
        }
    }
}
