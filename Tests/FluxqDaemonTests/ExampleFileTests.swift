import FluxqModel
import FluxqTestSupport
import FluxqUsers
import Testing

@testable import FluxqDaemon

@Suite struct ExampleFileTests {
    private let name = "systemd/fluxqd.yaml"

    @Test("the example file shows every key, commented out, with its default")
    func matchesTheTable() throws {
        #expect(try RepositoryFile.text(name) == Self.expected)
    }

    @Test("the example file as it is changes nothing")
    func isHarmless() throws {
        #expect(try ConfigurationFixture().load(try RepositoryFile.text(name)) == Configuration())
    }

    @Test("with every key taken out of its comment it is valid, and only keys without a default differ")
    func isValid() throws {
        let yaml = try RepositoryFile.text(name).replacing("  #", with: "  ").replacing("   ", with: "  # ")
        var expected = Configuration()
        expected.api.keyFile = "/etc/fluxq/api-key"
        expected.workers.ratePerMinute = 30
        expected.downloads.trustedHosts = ["images.example.org", "10.0.0.7:8080"]
        let limits: [LimitKind: Int64] = [
            .queuedJobs: 100, .runningJobs: 2, .imagesPerDay: 50, .spendPerDay: 5_000_000, .spendPerMonth: 50_000_000,
            .inputBytes: 10 << 20, .unusedInputBytes: 200 << 20, .archiveBytes: 20 << 30,
        ]
        for (kind, limit) in limits { expected.limits.standard[kind] = limit }
        var user = LimitRules.Exception()
        user[.imagesPerDay] = 200
        user.weight = 3
        expected.limits.users = [1000: user]
        var group = LimitRules.Exception()
        group[.queuedJobs] = .some(nil)
        expected.limits.groups = [try #require(try UserDatabase.group(named: "sudo")): group]
        expected.access.admins = [0, 1000]
        expected.access.adminGroup = 27
        expected.prices.microsPerImage = ["black-forest-labs/flux-kontext-max": 80_000]
        #expect(try ConfigurationFixture().load(yaml) == expected)
    }

    /// What the table of settings says the file must be.
    static var expected: String {
        var lines = [
            "# Configuration of fluxqd: /etc/fluxq/fluxqd.yaml, or what --config names.",
            "#",
            "# Every key stands here with its default, or with an example where it has none. Take the # "
                + "away to set it,",
            "# then: systemctl reload fluxqd. A variable of the environment wins over the file; api.base_url is",
            "# FLUXQ_API_BASE_URL. While anything here is wrong, fluxqd does not start, a reload changes nothing, and both say",
            "# where and why; a reload also names what needs a restart.",
        ]
        var group = ""
        for setting in Setting.all {
            if setting.group != group {
                group = setting.group
                lines += ["", "\(group):"]
            }
            lines += wrapped(setting.documentation).map { "  # \($0)" }
            let value = setting.exampleText ?? setting.defaultText ?? ""
            lines.append(setting.leaf.isEmpty ? "  #\(value)" : "  #\(setting.leaf): \(value)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func wrapped(_ text: String) -> [String] {
        text.split(separator: " ").reduce(into: [""]) { lines, word in
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = String(word)
            } else if last.count + 1 + word.count <= 100 {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }
}
