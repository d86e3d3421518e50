import ArgumentParser
import FluxqProofKit
import Glibc

/// The victim: a process of another user that measures how long a look at its job takes during the attack.
struct Victim: ParsableCommand {
    /// A marker in all of the victim's data that others must not see.
    static let canary = "canary-5d1f3a"
    static let uid: UInt32 = 30_001
    static let noJob: Int64 = 424_242_424

    static let configuration = CommandConfiguration(commandName: "look", shouldDisplay: false)

    @Option var socket: String
    @Option var seconds: Double
    @Option var job: Int64

    /// Prints the time of each look in microseconds, one per line; -1 for one that was not answered.
    func run() throws {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let begin = ContinuousClock.now
            let isAnswered = look()
            let time = (ContinuousClock.now - begin) / .microseconds(1)
            print(isAnswered ? Int(time) : -1)
            usleep(5000)
        }
    }

    /// Looks at the job as `fluxq status` does: one request on a connection of its own.
    private func look() -> Bool {
        guard let connection = RawSocket(socket) else { return false }
        connection.send("GET /v1/jobs/\(job) HTTP/1.1\r\nConnection: close\r\n\r\n")
        let answer = connection.receiveAll()
        return answer.hasPrefix("HTTP/1.1 200 ") && answer.contains(Self.canary)
    }
}
