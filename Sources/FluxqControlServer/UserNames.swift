import Glibc
import NIOPosix

/// The names of users by number, remembered for a while: a lookup may ask a server far away.
actor UserNames {
    private static let lifetime = Duration.seconds(300)
    private static let capacity = 1024
    /// Longer entries of the user database are not read.
    private static let largestEntryBytes = 1 << 20

    private var known: [UInt32: (name: String, until: ContinuousClock.Instant)] = [:]

    /// The user's name; the number where it has none or the lookup fails.
    func name(of uid: UInt32) async -> String {
        let now = ContinuousClock.now
        if let entry = known[uid], now < entry.until { return entry.name }
        let name: String
        do {
            name = try await NIOThreadPool.singleton.runIfActive { Self.lookUp(uid) } ?? String(uid)
        } catch {
            // The connection is being broken off; what is said about it matters to nobody.
            return String(uid)
        }
        if known.count >= Self.capacity { known.removeAll() }
        known[uid] = (name, now + Self.lifetime)
        return name
    }

    /// Blocks.
    private static func lookUp(_ uid: UInt32) -> String? {
        var bytes = 4096
        while bytes <= largestEntryBytes {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            // The entry's strings lie in this memory.
            let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes)
            defer { memory.deallocate() }
            guard getpwuid_r(uid, &entry, memory, bytes, &found) == ERANGE else {
                return found?.pointee.pw_name.map { String(cString: $0) }
            }
            bytes *= 4
        }
        return nil
    }
}
