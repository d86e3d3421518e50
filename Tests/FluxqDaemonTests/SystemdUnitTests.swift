import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon

@Suite struct SystemdUnitTests {
    private static let analyzer = "/usr/bin/systemd-analyze"
    private static let hasAnalyzer = FileManager.default.isExecutableFile(atPath: analyzer)

    /// `KEY=value` lines of a unit.
    private func values(_ key: String, in unit: String) throws -> [String] {
        try RepositoryFile.text("systemd/\(unit)").split(separator: "\n")
            .filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }

    @Test("the service gives calls in flight more time than fluxqd takes")
    func drain() throws {
        let seconds = try #require(try values("TimeoutStopSec", in: "fluxqd.service").first.flatMap(Int64.init))
        #expect(Configuration().workers.drain + .seconds(30) <= .seconds(seconds))
    }

    @Test("the service finds its state, its key and its peers' numbers where fluxqd looks for them")
    func agreement() throws {
        #expect(try values("StateDirectory", in: "fluxqd.service") == ["fluxq"])
        #expect(StateDirectory.standardPath == "/var/lib/fluxq")
        let credentials = try values("LoadCredential", in: "fluxqd.service")
        #expect(credentials == ["\(Configuration.credentialName):/etc/fluxq/api-key"])
        #expect(try values("PrivateUsers", in: "fluxqd.service") == [])
        #expect(try values("ListenStream", in: "fluxqd.socket") == ["/run/fluxq/control.sock"])
        let mode = String(format: "%04o", ListeningSocket.standardMode)
        #expect(try values("SocketMode", in: "fluxqd.socket") == [mode])
        #expect(try values("Backlog", in: "fluxqd.socket") == ["\(ListeningSocket.backlog)"])
    }

    @Test("systemd finds nothing wrong with the units", .enabled(if: hasAnalyzer), .timeLimit(.minutes(30)))
    func verify() throws {
        let (status, output) = try analyze(["verify"], "fluxqd.service", "fluxqd.socket")
        #expect(status == 0)
        #expect(output == "")
    }

    @Test("systemd counts the service among the well protected", .enabled(if: hasAnalyzer), .timeLimit(.minutes(30)))
    func exposure() throws {
        // In tenths: an exposure of 1.5 at most.
        let options = ["security", "--offline=true", "--threshold=15", "--no-pager"]
        let (status, output) = try analyze(options, "fluxqd.service")
        #expect(status == 0, "\(output)")
    }

    /// Runs systemd's own check on copies of the units, whose program exists on every host.
    private func analyze(_ options: [String], _ units: String...) throws -> (status: Int32, output: String) {
        let directory = try TemporaryDirectory()
        for unit in units {
            // Its manual page is on a host that has the package.
            let text = try RepositoryFile.text("systemd/\(unit)").replacing("/usr/sbin/fluxqd", with: "/bin/true")
                .replacing("Documentation=man:fluxqd(8)\n", with: "")
            try Data(text.utf8).write(to: URL(filePath: directory.path(unit)))
        }
        let process = Process()
        process.executableURL = URL(filePath: Self.analyzer)
        process.arguments = options + units.map(directory.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
