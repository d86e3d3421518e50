import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqControlServer

enum Asking {
    static let isPossible = OtherUser.isPossible && FileManager.default.isExecutableFile(atPath: "/usr/bin/curl")
}

/// Makes a request as another user, through a process of that user.
///
/// - Parameter isOverTCP: true if the URL in `arguments` names a port.
func ask(
    _ server: TestServer, as uid: UInt32, isOverTCP: Bool = false, _ arguments: [String]
) async throws -> (status: Int, body: String) {
    let curl = try ChildProcess(
        OtherUser.setpriv,
        OtherUser.options(uid) + ["curl", "--silent"] + (isOverTCP ? [] : ["--unix-socket", server.socketPath]) + [
            "--write-out", "\n%{http_code}",
            // By default curl sends the body after a second without an answer, and may then miss a refusal.
            "--expect100-timeout", "1500",
        ] + arguments, environment: ["PATH": "/usr/bin:/bin"], directory: server.directory.path)
    await curl.wait()
    let text = curl.output
    let end = try #require(text.lastIndex(of: "\n"))
    return (try #require(Int(text[text.index(after: end)...])), String(text[..<end]))
}
