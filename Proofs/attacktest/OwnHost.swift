import FluxqHost
import FluxqProofKit
import FluxqTestSupport
import Foundation

/// The attacked host: this one, with users of the test's own that have 65,536 subordinate uids each, as useradd assigns
/// them. Only the test and the processes that it starts see these files.
enum OwnHost {
    private static let unshare = "/usr/bin/unshare"
    private static let rangeSize: UInt32 = 65_536
    private static let firstSubordinate: UInt32 = 2_000_000_000

    /// The command with which an unprivileged user starts a program as root among its own subordinate uids.
    static let namespace = [unshare, "--user", "--map-auto", "--map-root-user"]

    /// Starts this program again in a mount namespace of its own. Does not return.
    static func enter() throws {
        let program = RunningDaemon.executable("attacktest")
        let words = [unshare, "--mount", program] + CommandLine.arguments.dropFirst() + ["--on-own-host"]
        let pointers = words.map { strdup($0) } + [nil]
        execv(unshare, pointers)
        throw ProofFailure("\(SystemError("\(unshare) cannot be started"))")
    }

    /// Adds the users to the host's files.
    ///
    /// - Parameter files: a directory for the replacement files.
    static func furnish(users: [String: UInt32], attackers: Int, files directory: TemporaryDirectory) async throws {
        var all = users
        for number in 0..<attackers { all["attacker-\(number)"] = Victim.uid + 1 + UInt32(number) }
        var accounts = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
        var ranges = ""
        for (number, user) in all.sorted(by: { $0.value < $1.value }).enumerated() {
            accounts += "\(user.key):x:\(user.value):\(user.value)::/nonexistent:/bin/sh\n"
            ranges += "\(user.key):\(firstSubordinate + UInt32(number) * rangeSize):\(rangeSize)\n"
        }
        for (path, text) in [("/etc/passwd", accounts), ("/etc/subuid", ranges), ("/etc/subgid", ranges)] {
            let file = directory.path(path.replacing("/", with: "-"))
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            chmod(file, 0o644)
            if !FileManager.default.fileExists(atPath: path) {
                _ = FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o644])
            }
            let mount = try ChildProcess(
                "/usr/bin/mount", ["--bind", file, path], environment: RunningDaemon.baseEnvironment,
                directory: directory.path)
            guard await mount.wait() == .exit(0) else { throw ProofFailure("cannot mount \(path): \(mount.errors)") }
        }
    }
}
