import CLinux
import Foundation
import Glibc

/// Protects the API key from other processes.
enum Secrecy {
    /// Disables core dumps, also to a program that collects crashes, and stops other processes of this user from
    /// reading this one's memory or environment. Must be called before there are any secrets. Neither call can fail.
    static func begin() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = fluxq_forgo_dumps()
    }

    /// Returns the environment, then removes the keys from it. Programs that fluxqd starts do not inherit them, and
    /// other users cannot see them in the environment that the kernel shows.
    static func takeEnvironment() -> [String: String] {
        let environment = ProcessInfo.processInfo.environment
        for name in environment.keys where Configuration.mayHoldKey(name) {
            if let value = getenv(name) { memset(value, 0, strlen(value)) }
            unsetenv(name)
        }
        return environment
    }
}

extension Configuration {
    /// True if a variable is meant for a key, even if its name is misspelt.
    static func mayHoldKey(_ variable: String) -> Bool {
        [keyVariable, vendorKeyVariable].contains(variable)
            || variable.hasPrefix(Setting.environmentPrefix) && variable.hasSuffix("_KEY")
    }
}
