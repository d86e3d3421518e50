import CLinux
import Foundation
import Glibc

/// Keeps the API key to this process.
enum Secrecy {
    /// A crash leaves no core, not even with a program that is told of crashes, and no process of this user's reads this
    /// one's memory or environment. To be called before there is anything to keep. Neither call can fail.
    static func begin() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        _ = fluxq_forgo_dumps()
    }

    /// The environment, from which the keys are gone then: for programs that this one starts, and for users who look
    /// at it
    /// from outside, where it stands as it was given at the start.
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
    /// Whether a variable of the environment is for a key, though it may be misspelt.
    static func mayHoldKey(_ variable: String) -> Bool {
        [keyVariable, vendorKeyVariable].contains(variable)
            || variable.hasPrefix(Setting.environmentPrefix) && variable.hasSuffix("_KEY")
    }
}
