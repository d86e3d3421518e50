/// The file system of the state directory has no room: nothing new is called, and what has been paid for waits.
package struct Shortage: Hashable, Sendable {
    package var since: Timestamp
    /// How much there is, how much is needed, and what to do.
    package var message: String

    package init(since: Timestamp, message: String) {
        self.since = since
        self.message = message
    }
}
