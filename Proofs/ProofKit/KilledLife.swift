package import Foundation

/// A life of the daemon that ended with a kill, and the minimum of answer data that it had received by then.
package struct KilledLife: Sendable {
    /// The earliest start of a call whose answer may be counted here.
    package let from: Date
    package let to: Date
    /// Inline pictures that had been received to the end of their text.
    package let inlinePictures: Int
    /// Calls whose answers had been received completely.
    package let answers: Int

    package init(from: Date, to: Date, inlinePictures: Int, answers: Int) {
        self.from = from
        self.to = to
        self.inlinePictures = inlinePictures
        self.answers = answers
    }

    /// True if the answer to a call that began at this time may be counted here. The daemon's times are whole
    /// milliseconds.
    func covers(_ milliseconds: Int64) -> Bool {
        let times = [from, to].map { Int64(($0.timeIntervalSince1970 * 1000).rounded(.down)) }
        return (times[0]...times[1]).contains(milliseconds)
    }
}
