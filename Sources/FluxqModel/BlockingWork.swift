/// Runs work that blocks its thread, at once or later, once and to its end; work handed over first need not run first.
package typealias BlockingWork = @Sendable (_ work: @escaping @Sendable () -> Void) -> Void
