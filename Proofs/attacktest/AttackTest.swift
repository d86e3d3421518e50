import ArgumentParser
import FluxqDiskFaults
import FluxqHost
import FluxqProofKit
import FluxqTestSupport
import Foundation

/// Attacks fluxqd as local users can, and measures the effect on another user.
@main
struct AttackTest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attacktest",
        abstract: "Attack fluxqd as several users at once, and measure what another user notices of it.",
        subcommands: [Run.self, Attacker.self, Victim.self], defaultSubcommand: Run.self)
}

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run every attack, one after the other.",
        discussion: """
            A user who has nothing to do with it looks at a job all the while, each time on a new connection. Exits with \
            1 where a look takes too long or is not answered, where fluxqd takes too much memory, keeps descriptors, \
            tells an attacker of somebody else's work, or ends.
            """)

    @Option(help: "Attackers at once, each a user of its own.")
    var attackers = 8

    @Option(help: "Duration of each attack.")
    var seconds = 10.0

    @Option(
        help: ArgumentHelp(
            "This attack alone: \(Attack.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "NAME"))
    var only: Attack?

    @Option(help: ArgumentHelp("What a look may take at the 99th percentile.", valueName: "MILLISECONDS"))
    var limit = 100.0

    @Option(help: "What random bytes are drawn from (default: at random).")
    var seed = UInt64.random(in: 0 ... .max)

    /// Set if this process is already in a mount namespace of its own: `attacktest run` starts itself so.
    @Flag(help: .hidden)
    var onOwnHost = false

    func run() async throws {
        guard OtherUser.isPossible else {
            throw ValidationError("The attackers are users of their own, which takes root: sudo make attacktest")
        }
        if !onOwnHost { try OwnHost.enter() }
        let directory = try TemporaryDirectory()
        try await OwnHost.furnish(users: ["victim": Victim.uid], attackers: attackers, files: directory)
        let silence = directory.path("names-are-silent")
        // The attackers can reach the socket, but not the files beside it.
        chmod(directory.path, 0o755)
        let api = try await ProofAPI.start(directory: directory.path("api"))
        // The same environment as in the service, and a limit on the data each attacker leaves, so that it fits on a
        // test host.
        let environment = api.environment
            .merging([
                "MALLOC_ARENA_MAX": "2", "FLUXQ_LIMITS_KEPT_BYTES": "128 MiB", "FLUXQ_LISTEN_HTTP": "\(Self.port)",
            ]) { $1 }
            .merging(SystemCallShim.silencingNames(while: silence)) { $1 }
        let daemon = try await DaemonProcess.started(
            .init(directory: directory.path, environment: environment, preload: SystemCallShim.path))
        // While paused, queued jobs stay ready and in the queue, so a user who looks at one has its queue position
        // computed.
        try await pause(daemon)
        let job = try await submitVictimsJob(daemon)
        guard let beginning = Vitals(of: daemon.process) else { throw ProofFailure("fluxqd is gone") }
        print("seed \(seed), \(attackers) attackers, \(seconds) s each")
        print("attack                 cases   looks  p50 ms  p99 ms  max ms  memory MiB  descriptors")
        var bounds = Verdict.Bounds()
        bounds.milliseconds = limit
        var failed = 0
        for attack in only.map({ [$0] }) ?? Attack.allCases {
            if attack.silencesNames { try Data().write(to: URL(filePath: silence)) }
            let verdict = try await verdict(on: attack, daemon, job: job, since: beginning)
            if attack.silencesNames { try FileManager.default.removeItem(atPath: silence) }
            print(line(of: verdict))
            for failure in verdict.failures(bounds) {
                print("FAILED \(attack.rawValue): \(failure)")
                failed += 1
            }
        }
        let end = await daemon.stop()
        await api.shutdown()
        guard end == .exit(0), failed == 0 else {
            print("fluxqd ended with \(end). \(failed) failed. \(daemon.process.errors.suffix(2000))")
            throw ExitCode(1)
        }
        print("Nobody else noticed.")
    }

    /// Hardly any other program uses this address.
    private static let port = LoopbackAddress(.v4(127, 78, 39, 1), port: 7839)

    private func pause(_ daemon: DaemonProcess) async throws {
        let setup = daemon.setup
        let paused = try await RunningDaemon.fluxq(["pause"], socket: setup.socketPath, directory: setup.directory)
        guard paused.end == .exit(0) else { throw ProofFailure("cannot pause: \(paused.errors)") }
    }

    private func submitVictimsJob(_ daemon: DaemonProcess) async throws -> Int64 {
        let picture = "\(daemon.setup.directory)/picture.png"
        try Data(SamplePictures.png.bytes).write(to: URL(filePath: picture))
        chmod(picture, 0o644)
        let process = try ChildProcess(
            OtherUser.setpriv,
            OtherUser.options(Victim.uid) + [
                RunningDaemon.executable("fluxq"), "submit", "--socket", daemon.setup.socketPath, "--image", picture,
                "--label", Victim.canary, Victim.canary,
            ], environment: RunningDaemon.baseEnvironment, directory: daemon.setup.directory)
        guard await process.wait() == .exit(0), let job = Int64(process.output.split(separator: "\n").first ?? "")
        else {
            throw ProofFailure("the victim cannot submit: \(process.errors)")
        }
        return job
    }

    private func verdict(
        on attack: Attack, _ daemon: DaemonProcess, job: Int64, since beginning: Vitals
    ) async throws -> Verdict {
        func start(uid: UInt32, _ arguments: [String]) throws -> ChildProcess {
            let namespace = attack.hasSubordinates && uid != Victim.uid ? OwnHost.namespace : []
            return try ChildProcess(
                OtherUser.setpriv,
                OtherUser.options(uid) + namespace + [RunningDaemon.executable("attacktest")] + arguments + [
                    "--socket", daemon.setup.socketPath, "--job", "\(job)", "--seconds", "\(seconds)",
                ], environment: RunningDaemon.baseEnvironment, directory: daemon.setup.directory)
        }
        var verdict = Verdict(attack: attack)
        func attacker(_ number: Int, _ arguments: [String]) throws -> ChildProcess {
            try start(
                uid: Victim.uid + 1 + UInt32(number),
                [
                    "attack", "--attack", attack.rawValue, "--seed", "\(seed &+ UInt64(number))",
                    "--port", "\(Self.port)",
                ] + arguments)
        }
        var own: [[String]] = Array(repeating: [], count: attackers)
        if attack.own != nil {
            for (number, process) in try (0..<attackers).map({ ($0, try attacker($0, ["--prepare"])) }) {
                guard await process.wait() == .exit(0) else {
                    throw ProofFailure("an attacker has no job: \(process.output)\(process.errors)")
                }
                own[number] = ["--own", process.output.trimmingCharacters(in: .whitespacesAndNewlines)]
            }
        }
        let processes = try (0..<attackers).map { try attacker($0, own[$0]) }
        let victim = try start(uid: Victim.uid, ["look"])
        let watch = Task {
            var most = beginning.memory
            while !Task.isCancelled {
                most = max(most, Vitals(of: daemon.process)?.memory ?? 0)
                try? await Task.sleep(for: .milliseconds(50))
            }
            return most
        }
        guard await victim.wait() == .exit(0) else { throw ProofFailure("the victim: \(victim.errors)") }
        for process in processes {
            let end = await process.wait()
            let lines = process.output.split(separator: "\n", maxSplits: 1)
            verdict.cases += lines.first.flatMap { Int($0) } ?? 0
            if end != .exit(0) {
                verdict.leaks.append(
                    lines.count > 1 ? String(lines[1]) : "an attacker ended with \(end): \(process.errors)")
            }
        }
        watch.cancel()
        verdict.memory = await watch.value - beginning.memory
        verdict.looks = victim.output.split(separator: "\n").compactMap { Int($0) }
        verdict.descriptors = try await leftover(daemon, since: beginning)
        return verdict
    }

    /// The number of file descriptors that are still open shortly after all attackers have disconnected.
    private func leftover(_ daemon: DaemonProcess, since beginning: Vitals) async throws -> Int {
        var left = 0
        for _ in 0..<100 {
            guard let now = Vitals(of: daemon.process) else {
                throw ProofFailure("fluxqd is gone: \(daemon.process.errors)")
            }
            left = now.descriptors - beginning.descriptors
            if left <= Verdict.Bounds().descriptors { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        return left
    }

    private func line(of verdict: Verdict) -> String {
        func column(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(0, width - text.count)) + text
        }
        func number(_ value: Double) -> String { String(format: "%.1f", value) }
        return verdict.attack.rawValue.padding(toLength: 19, withPad: " ", startingAt: 0)
            + column("\(verdict.cases)", 9) + column("\(verdict.looks.count)", 8)
            + column(number(verdict.percentile(0.5)), 8) + column(number(verdict.percentile(0.99)), 8)
            + column(number(verdict.percentile(1)), 8) + column("\(verdict.memory >> 10)", 12)
            + column("\(verdict.descriptors)", 13)
    }
}
