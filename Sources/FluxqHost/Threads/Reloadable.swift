import Synchronization

/// A value that a reload replaces as a whole while others read it. Code that needs one consistent value for some work
/// reads it once.
package final class Reloadable<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    package init(_ value: Value) {
        self.value = Mutex(value)
    }

    package var current: Value { value.withLock { $0 } }

    package func replace(with value: Value) {
        self.value.withLock { $0 = value }
    }
}
