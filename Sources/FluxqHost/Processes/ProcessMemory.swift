import CLinux
import Glibc

/// The memory of this process.
package enum ProcessMemory {
    /// Disables core dumps, also to a program that collects crashes, and stops other processes of this user from
    /// reading this one's memory or environment. Must be called before there are any secrets. Neither call can fail.
    package static func hide() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = fluxq_forgo_dumps()
    }
}
