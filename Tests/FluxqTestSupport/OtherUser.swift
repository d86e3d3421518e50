import Foundation

/// Processes of other users: real uids, as the kernel reports them to the server.
package enum OtherUser {
    package static let setpriv = "/usr/bin/setpriv"

    /// Only root can change to another user.
    package static var isPossible: Bool { getuid() == 0 && FileManager.default.isExecutableFile(atPath: setpriv) }

    /// The options that make `setpriv` run a program as that user, in that user's own group only.
    package static func options(_ uid: UInt32) -> [String] {
        ["--reuid=\(uid)", "--regid=\(uid)", "--clear-groups"]
    }
}
