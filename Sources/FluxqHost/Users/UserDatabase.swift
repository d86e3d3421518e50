import Glibc

/// The system's database of users and groups, as configured in nsswitch.conf: files, or a remote server. Every call
/// blocks.
package enum UserDatabase {
    package struct Entry: Hashable, Sendable {
        package let uid: UInt32
        package let name: String
        /// The primary group.
        package let gid: UInt32
    }

    /// The database did not answer; whether it has the entry is unknown.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Longer entries are not read.
    private static let largestEntryBytes = 1 << 20
    private static let mostGroups = 1 << 16

    /// nil if no user has that uid.
    package static func user(uid: UInt32) throws(Failure) -> Entry? {
        try entry("uid \(uid)", user) { entry, memory, bytes, found in getpwuid_r(uid, entry, memory, bytes, found) }
    }

    /// nil if no user has that name.
    package static func user(named name: String) throws(Failure) -> Entry? {
        try entry("user \(name)", user) { entry, memory, bytes, found in
            getpwnam_r(name, entry, memory, bytes, found)
        }
    }

    /// The gid; nil if no group has that name.
    package static func group(named name: String) throws(Failure) -> UInt32? {
        try entry("group \(name)", { (entry: UnsafeMutablePointer<group>) in entry.pointee.gr_gid }) {
            entry, memory, bytes, found in
            getgrnam_r(name, entry, memory, bytes, found)
        }
    }

    /// True if a group has that gid.
    package static func hasGroup(gid: UInt32) throws(Failure) -> Bool {
        try entry("group \(gid)", { (_: UnsafeMutablePointer<group>) in true }) { entry, memory, bytes, found in
            getgrgid_r(gid, entry, memory, bytes, found)
        } ?? false
    }

    /// The user's groups, including the primary one.
    package static func groups(of user: Entry) -> Set<UInt32> {
        var count: CInt = 64
        while true {
            var groups = [gid_t](repeating: 0, count: Int(count))
            let asked = count
            if getgrouplist(user.name, user.gid, &groups, &count) >= 0 { return Set(groups.prefix(Int(count))) }
            // The call returns the number of groups; if it does not, twice as many are tried.
            count = max(count, 2 * asked)
            guard count <= mostGroups else { return [user.gid] }
        }
    }

    private static func user(_ entry: UnsafeMutablePointer<passwd>) -> Entry? {
        guard let name = entry.pointee.pw_name else { return nil }
        return Entry(uid: entry.pointee.pw_uid, name: String(cString: name), gid: entry.pointee.pw_gid)
    }

    /// Retries with more memory until the entry fits.
    private static func entry<Entry, Value>(
        _ what: String, _ read: (UnsafeMutablePointer<Entry>) -> Value?,
        _ ask: (
            UnsafeMutablePointer<Entry>, UnsafeMutablePointer<CChar>, Int,
            UnsafeMutablePointer<UnsafeMutablePointer<Entry>?>
        ) -> CInt
    ) throws(Failure) -> Value? {
        let entry = UnsafeMutablePointer<Entry>.allocate(capacity: 1)
        defer { entry.deallocate() }
        var bytes = 4096
        while bytes <= largestEntryBytes {
            // The entry's strings are stored in this memory.
            let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes)
            defer { memory.deallocate() }
            var found: UnsafeMutablePointer<Entry>?
            let code = ask(entry, memory, bytes, &found)
            switch code {
            case ERANGE: bytes *= 4
            case EINTR: continue
            // The codes that getpwnam_r(3) lists for a missing entry, besides 0.
            case 0, ENOENT, ESRCH, EBADF, EPERM: return found.flatMap(read)
            default: throw Failure(description: "the user database did not answer for \(what) (error \(code))")
            }
        }
        throw Failure(description: "the user database's entry for \(what) is longer than \(largestEntryBytes) bytes")
    }
}
