import ArgumentParser
import FluxqControl
import FluxqControlClient
import FluxqControlServer
import FluxqFormats
import FluxqModel
import SystemPackage
import Testing

@testable import FluxqCommands

@Suite("Exit statuses")
struct ExitStatusTests {
    @Test(
        "every refusal of the daemon has its status",
        arguments: [
            (Problem.Code.badRequest, 65), (.invalidFields, 65), (.notAPicture, 65), (.tooLarge, 65),
            (.noSuchInput, 65), (.noSuchJob, 65), (.noSuchImage, 65), (.noSuchRoute, 69), (.methodNotAllowed, 69),
            (.notAllowed, 77), (.conflict, 65), (.keyReused, 65), (.overLimit, 75), (.unsupportedMediaType, 65),
            (.rangeNotSatisfiable, 69), (.storageFull, 75), (.databaseLocked, 75), (.internal, 69),
            (.pictureDamaged, 1), (.pictureRefetched, 75), (.unknownModel, 65), (.userDatabaseSilent, 75),
            (.wrongHost, 77), (.crossSite, 77), (.bearerMissing, 77),
        ] as [(Problem.Code, Int32)])
    func refusals(code: Problem.Code, status: Int32) {
        #expect(FluxqCommands.ExitStatus(code).rawValue == status)
    }

    static let refusals = 25

    @Test("the table above is complete")
    func complete() {
        #expect(Problem.Code.allCases.count == Self.refusals)
    }

    @Test(
        "every failure to reach the daemon has its status and its remedy",
        arguments: [
            (.noDaemon(path: "/s", .missing), 69, "No daemon at /s. Start it with: systemctl start fluxqd"),
            (
                .noDaemon(path: "/s", .nobodyListening), 69,
                "no process listens on it. Start it with: systemctl start fluxqd"
            ),
            (.noDaemon(path: "/s", .busy), 75, "Try again in a moment"),
            (.noDaemon(path: "/s", .unreachable(.ioError)), 69, "systemctl status fluxqd"),
            (.permissionDenied(path: "/s"), 77, "add you to its group"),
            (.pathTooLong(path: "/s", bytes: 200), 69, "has 200 bytes, but the system allows at most 107"),
            (.notASocket(path: "/s"), 69, "--socket PATH"),
            (.untrustedSocket(path: "/s", .symbolicLink), 77, "symbolic link"),
            (.untrustedSocket(path: "/s", .socketOwner(uid: 7)), 77, "uid 7"),
            (.untrustedSocket(path: "/s", .directoryOwner(directory: "/", uid: 7)), 77, "uid 7"),
            (
                .untrustedSocket(path: "/s", .directoryWritable(directory: "/tmp", mode: 0o1777)), 77,
                "(mode 1777) and could put a socket of their own there; its sticky bit only"
            ),
            (.connectionLost(path: "/s", why: "it was closed"), 69, "Try again"),
            (.outcomeUnknown(path: "/s", why: "it was closed"), 74, "Check before you repeat it: fluxq list"),
            (.protocolError(path: "/s", why: "it said hello"), 69, "same version"),
            (.uploadUnreadable(.system(.ioError)), 66, "Nothing was queued"),
            (.uploadUnreadable(.shrank(toBytes: 9)), 65, "ends after 9 bytes"),
            (.downloadUnwritable(.noSpace), 75, "stays in the archive"),
        ] as [(ControlClientError, Int32, String)])
    func clientErrors(error: ControlClientError, status: Int32, words: String) {
        let complaint = CommandFailure(any: error)
        #expect(complaint.status.rawValue == status)
        #expect(complaint.detail.contains(words))
    }

    @Test(
        "a command line that cannot be understood is 64",
        arguments: [
            ["submit"], ["submit", "--n", "x", "p"], ["submit", "--strength", "nan", "p"],
            ["submit", "--at", "yesterday", "p"], ["submit", "--on-unknown", "maybe", "p"],
            ["submit", "--response-format", "jpeg", "p"], ["submit", "two", "prompts"],
            ["submit", "--socket", "", "p"],
            ["submit", "--seed", "9223372036854775808", "p"], ["status", "0"], ["status", "-1"], ["status", "+1"],
            ["status", "9223372036854775808"], ["status", "4x"], ["list", "--state", "lost"], ["list", "--limit", "0"],
            ["wait"], ["wait", "--timeout", "-1", "1"], ["fetch"], ["fetch", "--index", "0", "1"], ["cancel"],
            ["retry", ""], ["pause", "now"], ["resume", "1"], ["list", "--all", "yes"],
        ])
    func usage(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try FluxqCommand.parsed(arguments) }
        let status = error.map { ($0 as? CommandFailure)?.status.rawValue ?? FluxqCommand.exitCode(for: $0).rawValue }
        #expect(status == FluxqCommands.ExitStatus.usage.rawValue)
    }

    @Test(
        "a negative number is a value",
        arguments: [
            ["submit", "--seed", "-1", "p"], ["submit", "--priority", "-100", "p"],
            ["submit", "--strength", "-0.5", "p"], ["submit", "--image", "-", "p"],
        ])
    func negative(arguments: [String]) throws {
        let command = try FluxqCommand.parsed(arguments)
        #expect((command as? Submit)?.prompt == "p")
    }

    @Test(
        "the help of every verb has examples and the exit statuses",
        arguments: FluxqCommand.configuration.subcommands.map { $0._commandName })
    func help(verb: String) throws {
        let verbs = FluxqCommand.configuration.subcommands
        let command = try #require(verbs.first { $0._commandName == verb })
        let help = FluxqCommand.helpMessage(for: command, columns: 80)
        #expect(help.contains("EXAMPLES\n  fluxq \(verb)") || help.contains("EXAMPLES\n  id="))
        #expect(help.contains("EXIT STATUS\n  0   success"))
        for option in ["--json", "--socket"] { #expect(help.contains(option)) }
    }

    @Test("each invalid field has its own line")
    func fields() {
        let problem = Problem(
            status: 422, code: .invalidFields, title: "The job is invalid", detail: "all in one",
            fields: [
                .init(field: "n", problem: "must be a whole number from 1 to 4, but is 9"),
                .init(field: "options.label", problem: "must not be empty"),
            ])
        let complaint = CommandFailure(any: ControlClientError.problem(problem))
        #expect(complaint.status == .badInput)
        #expect(
            complaint.lines == [
                "fluxq: The job is invalid. Nothing was queued. Correct these fields:",
                "  n must be a whole number from 1 to 4, but is 9",
                "  options.label must not be empty",
            ])
        #expect(complaint.json["status"]?.integer == 422)
        #expect(complaint.json["code"]?.string == "invalid_fields")
        #expect(complaint.json["detail"]?.string == "all in one")
        #expect(complaint.json["exit"]?.integer == 65)
    }
    @Test("over a limit is 75, and the JSON names the limit")
    func limit() throws {
        let reached = LimitReached(
            kind: .spendPerDay, limit: 5_000_000, used: 4_960_000, asked: 80_000, currency: "USD")
        let complaint = CommandFailure(
            any: ControlClientError.problem(
                Problem(status: 429, code: .overLimit, title: "t", detail: "d", limit: LimitDocument(reached))))
        #expect(complaint.status == .tryLater)
        #expect(complaint.json["limit"]?["name"]?.string == "spend_per_day")
        #expect(try JSONText.line(complaint.json).contains(#""limit":5,"name":"spend_per_day","used":4.96"#))
    }
}
