/// Why a lane is held.
package typealias HoldMessage = StoredMessage<HoldCode>

package enum HoldCode: Hashable, Codable, Sendable {
    /// The error of its latest call.
    case call(trouble: CallTrouble)
    /// That many calls in a row have failed; `last` is the error of the last one.
    case failing(calls: Int, last: CallTrouble)
    /// Why a picture could not be downloaded.
    case undelivered(trouble: PictureTrouble)
}
