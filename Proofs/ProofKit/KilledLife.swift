package import Foundation

/// A life of the daemon that a kill ended, and what it had read of answers by then at least.
package struct KilledLife: Sendable {
    /// When the first call began whose answer may be one of them.
    package let from: Date
    package let to: Date
    /// Inline pictures whose text had ended.
    package let inlinePictures: Int
    /// Calls whose answers had come to their end.
    package let answers: Int

    package init(from: Date, to: Date, inlinePictures: Int, answers: Int) {
        self.from = from
        self.to = to
        self.inlinePictures = inlinePictures
        self.answers = answers
    }

    /// Whether the answer to a call that began then may be one of them. The daemon's times are whole milliseconds.
    func covers(_ milliseconds: Int64) -> Bool {
        let times = [from, to].map { Int64(($0.timeIntervalSince1970 * 1000).rounded(.down)) }
        return (times[0]...times[1]).contains(milliseconds)
    }
}
