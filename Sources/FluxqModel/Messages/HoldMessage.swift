/// What has closed a lane.
package typealias HoldMessage = StoredMessage<HoldCode>

package enum HoldCode: Hashable, Codable, Sendable {
    /// What its latest call met.
    case call(trouble: CallTrouble)
    /// So many calls in a row have failed, the last one so.
    case failing(calls: Int, last: CallTrouble)
    /// Why a picture could not be downloaded.
    case undelivered(trouble: PictureTrouble)
}
