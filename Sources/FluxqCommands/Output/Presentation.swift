import FluxqControl
import FluxqModel

/// The form of the output: for a person at a terminal, or for a pipe.
struct Presentation: Sendable {
    var palette: Palette
    /// Columns of the terminal; nil for a pipe, which gets complete texts and absolute times.
    var width: Int?
    var now: Timestamp
    var clock: LocalClock

    /// "3 min ago" on a terminal, the local time in a pipe.
    func moment(_ time: WireTime) -> String {
        width == nil ? clock.text(time.timestamp) : Elapsed.relative(time.timestamp, now: now)
    }

    /// The local time, and its distance from now.
    func fullMoment(_ time: WireTime) -> String {
        "\(clock.text(time.timestamp)) (\(Elapsed.relative(time.timestamp, now: now)))"
    }
}
