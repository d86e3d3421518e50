/// Runs work that blocks its thread, immediately or later, exactly once and to its end. The order of several works is
/// not guaranteed.
package typealias BlockingWork = @Sendable (_ work: @escaping @Sendable () -> Void) -> Void
