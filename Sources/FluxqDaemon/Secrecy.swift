import Foundation
import Glibc

/// Keeps the API key to this process, together with `ProcessMemory.hide`.
enum Secrecy {
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
    /// True if a variable is meant for a key, even if its name is misspelt.
    static func mayHoldKey(_ variable: String) -> Bool {
        [keyVariable, vendorKeyVariable].contains(variable)
            || variable.hasPrefix(Setting.environmentPrefix) && variable.hasSuffix("_KEY")
    }
}
