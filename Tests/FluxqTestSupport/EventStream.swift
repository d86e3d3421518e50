import Foundation

extension RunningDaemon {
    /// Waits until the event log, read from its beginning, has an event of that kind by any user.
    ///
    /// - Parameters:
    /// - kind: a kind such as `claimed`.
    ///   - count: the number of events to wait for.
    package func waitForEvent(_ kind: String, count: Int = 1) async throws {
        // `curl` is a full client. In a plain pipe it would live until the event after the expected one.
        let script = """
            pipe=$(mktemp -u) && mkfifo "$pipe" || exit 2
            curl -sN --max-time 1500 --unix-socket '\(socket)' 'http://fluxq/v1/events?since=0&all=true' >"$pipe" &
            grep -m \(count) '^event: \(kind)$' <"$pipe"
            end=$?
            kill $! 2>/dev/null
            rm "$pipe"
            exit $end
            """
        let process = try ChildProcess(
            "/bin/sh", ["-c", script], environment: Self.baseEnvironment, directory: directory.path)
        let end = await process.wait()
        guard end == .exit(0), process.output.split(separator: "\n").count == count else {
            throw Failure(what: "no event \(kind): \(process.output)\(process.errors)")
        }
    }
}
