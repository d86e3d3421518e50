/// What kept a call from succeeding, or from being understood.
package typealias CallTrouble = StoredMessage<CallCode>

/// The messages about a call that fluxq words itself. Those of the API and the network are kept as text.
package enum CallCode: Hashable, Codable, Sendable {
    case stoppedWhileWaiting
    case stoppedWhileReceiving
    /// The configuration has no endpoint of that name any more.
    case noEndpoint(named: String)
    /// The picture that the job edits was found damaged and set aside.
    case damagedInput
    /// The picture that the job edits cannot be read: why, in the words of the operating system.
    case unreadableInput(why: String)
    /// The connection ended before the request had been sent in full.
    indirect case notSentInFull(because: CallTrouble)
    /// The API answered, and none of its pictures can be used.
    case noUsablePicture
}
