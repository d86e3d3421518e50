import FluxqHost
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

    @Test("the service has its state, its key and its peers' uids where fluxqd looks for them")
    func agreement() throws {
        #expect(try values("StateDirectory", in: "fluxqd.service") == ["fluxq"])
        #expect(StateDirectory.standardPath == "/var/lib/fluxq")
        let credentials = try values("LoadCredential", in: "fluxqd.service")
        #expect(credentials == ["\(Configuration.credentialName):/etc/fluxq/api-key"])
        #expect(try values("PrivateUsers", in: "fluxqd.service") == [])
        #expect(try values("ListenStream", in: "fluxqd.socket") == ["/run/fluxq/control.sock"])
        #expect(try values("Backlog", in: "fluxqd.socket") == ["\(ListeningSocket.backlog)"])
    }

    @Test("the socket is open only to one group, which the package creates")
    func group() throws {
        #expect(try values("SocketMode", in: "fluxqd.socket") == ["0660"])
        #expect(try values("SocketGroup", in: "fluxqd.socket") == ["fluxq-users"])
        #expect(try RepositoryFile.text("systemd/fluxq.sysusers").split(separator: "\n").contains("g fluxq-users -"))
    }

    @Test("the ports are of the loopback, are for this service by the name that it looks for, and are off by default")
    func ports() throws {
        let addresses = try values("ListenStream", in: "fluxqd-http.socket").map { LoopbackAddress($0) }
        #expect(addresses == [LoopbackAddress("127.0.0.1:7839"), LoopbackAddress("[::1]:7839")])
        #expect(try values("FileDescriptorName", in: "fluxqd-http.socket") == [InheritedSockets.portName])
        #expect(try values("FileDescriptorName", in: "fluxqd.socket") == [])
        #expect(try values("Service", in: "fluxqd-http.socket") == ["fluxqd.service"])
        #expect(try values("Backlog", in: "fluxqd-http.socket") == ["\(ListeningSocket.backlog)"])
        for unit in ["fluxqd.service", "fluxqd.socket"] {
            #expect(try !RepositoryFile.text("systemd/\(unit)").contains("=fluxqd-http.socket"))
        }
        // To ask the kernel who a peer is, in the host's network.
        let families = try values("RestrictAddressFamilies", in: "fluxqd.service").flatMap { $0.split(separator: " ") }
        #expect(families.contains("AF_NETLINK"))
        #expect(try values("PrivateNetwork", in: "fluxqd.service") == [])
    }

    @Test("the service is restarted forever, whatever ends it, so that the socket stays up")
    func restarts() throws {
        #expect(try values("Restart", in: "fluxqd.service") == ["on-failure"])
        #expect(try values("RestartPreventExitStatus", in: "fluxqd.service") == [])
        #expect(try values("StartLimitIntervalSec", in: "fluxqd.service") == ["0"])
        // systemd stops the socket after twenty starts in two seconds.
        let pause = try #require(try values("RestartSec", in: "fluxqd.service").first.flatMap(Double.init))
        #expect(pause >= 1)
        #expect(try values("BindsTo", in: "fluxqd.socket") + values("PartOf", in: "fluxqd.socket") == [])
    }

    @Test("the service comes after the user database, and its memory is bounded")
    func surroundings() throws {
        let after = try values("After", in: "fluxqd.service").flatMap { $0.split(separator: " ") }
        #expect(after.contains("nss-user-lookup.target"))
        #expect(try values("MemoryMax", in: "fluxqd.service").count == 1)
    }

    @Test("systemd finds nothing wrong with the units", .enabled(if: hasAnalyzer), .timeLimit(.minutes(30)))
    func verify() throws {
        let (status, output) = try analyze(["verify"], "fluxqd.service", "fluxqd.socket", "fluxqd-http.socket")
        #expect(status == 0)
        #expect(output == "")
    }

    @Test("systemd rates the service as well protected", .enabled(if: hasAnalyzer), .timeLimit(.minutes(30)))
    func exposure() throws {
        // In tenths: the exposure is at most 1.5.
        let options = ["security", "--offline=true", "--threshold=15", "--no-pager"]
        let (status, output) = try analyze(options, "fluxqd.service")
        #expect(status == 0, "\(output)")
    }

    /// Runs systemd's own check on copies of the units with a program that exists on every host.
    private func analyze(_ options: [String], _ units: String...) throws -> (status: Int32, output: String) {
        let directory = try TemporaryDirectory()
        for unit in units {
            // Only a host with the package has its manual page.
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
