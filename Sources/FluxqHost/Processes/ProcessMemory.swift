import CLinux
import Glibc

/// The memory of this process.
package enum ProcessMemory {
    /// Keeps it to this process: a crash leaves no core, not even with a program that is told of crashes, and no process of
    /// this user's reads this one's memory or environment. To be called before there is anything to keep. Neither call can
    /// fail.
    package static func hide() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = fluxq_forgo_dumps()
    }
}
