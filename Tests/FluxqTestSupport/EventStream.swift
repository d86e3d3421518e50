import Foundation

extension RunningDaemon {
    /// Waits until the event log tells of something, of whomever, from its beginning on.
    ///
    /// - Parameters:
    ///   - kind: such as `claimed`.
    ///   - count: how many times.
    package func waitForEvent(_ kind: String, count: Int = 1) async throws {
        // `curl` is a full client; grep ends the pipe with the event that was waited for.
        let script =
            "curl -sN --max-time 60 --unix-socket '\(socket)' 'http://fluxq/v1/events?since=0&all=true' | grep -m \(count) '^event: \(kind)$'"
        let process = try ChildProcess(
            "/bin/sh", ["-c", script], environment: Self.baseEnvironment, directory: directory.path)
        let end = await process.wait()
        guard end == .exit(0), process.output.split(separator: "\n").count == count else {
            throw Failure(what: "no event \(kind): \(process.output)\(process.errors)")
        }
    }
}
