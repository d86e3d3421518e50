import FluxqDoor
import FluxqHost
import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
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

    /// The example with every key uncommented except the named ones.
    private func uncommented(but kept: String...) throws -> String {
        try RepositoryFile.text(name).split(separator: "\n", omittingEmptySubsequences: false).map { line in
            // A sentence begins after one space.
            let isSentence = line.hasPrefix("  # ") && !line.hasPrefix("  #  ")
            guard line.hasPrefix("  #"), !isSentence else { return String(line) }
            let setting = line.dropFirst(3)
            return kept.contains { setting.hasPrefix("\($0):") } ? String(line) : "  \(setting)"
        }.joined(separator: "\n")
    }

    @Test("with every key taken out of its comment it is valid, and only keys without a default differ")
    func isValid() throws {
        var expected = Configuration()
        expected.endpoints = [
            .init(
                name: "umodelverse", baseURL: "https://api.umodelverse.ai/v1", keyFile: "/etc/fluxq/keys/umodelverse",
                concurrency: 4, ratePerMinute: 30, models: [EditRequest.modelThatRequiresImage]),
            .init(
                name: "openai", baseURL: "https://api.openai.com/v1", keyFile: "/etc/fluxq/keys/openai",
                proxy: .init(host: "proxy.example", port: 3128), models: ["gpt-image-1"]),
        ]
        expected.models = [
            "gpt-image-1": .init(
                requiresImage: false, omit: ["seed", "response_format"], parameters: ["size", "quality", "background"])
        ]
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
        expected.retention = .init(doneDays: 365, failedDays: 90, canceledDays: 30)
        expected.listen.http = [
            LoopbackAddress(.v4(127, 0, 0, 1), port: 7839), LoopbackAddress(.v6, port: 7839),
        ]
        expected.access.admins = [0, 1000]
        expected.access.adminGroup = 27
        expected.door.models = ["gpt-image-*": "black-forest-labs/flux-kontext-max"]
        expected.prices.microsPerImage = ["black-forest-labs/flux-kontext-max": 80_000]
        #expect(
            try ConfigurationFixture().load(try uncommented(but: "base_url", "key_file")) == expected)
        // Or with api instead of endpoints.
        expected.endpoints = []
        expected.api.keyFile = "/etc/fluxq/api-key"
        let alone = try uncommented().replacing(#/\nendpoints:\n(\ \ .*\n)+/#, with: "\n")
        #expect(try ConfigurationFixture().load(alone) == expected)
    }

    /// The content that the table of settings requires.
    static var expected: String {
        var lines = [
            "# Configuration of fluxqd: /etc/fluxq/fluxqd.yaml, or what --config names.",
            "#",
            "# Every key is listed with its default, or with an example if it has none. To set a key, remove the #,",
            "# then run: systemctl reload fluxqd. Environment variables override the file; api.base_url is",
            "# FLUXQ_API_BASE_URL. If there is an error in this file, fluxqd does not start and a reload changes",
            "# nothing. Both report the line and the reason. A reload also lists the keys that need a restart.",
        ]
        var group = ""
        for setting in Setting.all {
            if setting.group != group {
                group = setting.group
                lines += ["", "\(group):"]
            }
            lines += wrapped(setting.documentation).map { "  # \($0)" }
            let value = setting.exampleText ?? setting.defaultText ?? ""
            let text = setting.leaf.isEmpty ? value : "\(setting.leaf): \(value)"
            lines += text.split(separator: "\n").map { "  #\($0)" }
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
