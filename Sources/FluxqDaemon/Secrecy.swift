import Foundation
import Glibc

/// Protects the API key from other processes, together with `ProcessMemory.hide`.
enum Secrecy {
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
