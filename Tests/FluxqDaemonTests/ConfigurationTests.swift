import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon

@Suite struct ConfigurationTests {
    let fixture: ConfigurationFixture

    init() throws {
        fixture = try ConfigurationFixture()
    }

    @Test("without a file and without variables, every value is the design's default")
    func defaults() throws {
        let configuration = try fixture.load(nil)
        #expect(configuration.api.baseURL == "https://api.umodelverse.ai/v1")
        #expect(configuration.api.keyFile == nil)
        #expect(configuration.api.model == "black-forest-labs/flux-kontext-max")
        #expect(configuration.api.timeout == .seconds(300))
        #expect(configuration.api.unbilledStatuses == [500, 503])
        #expect(configuration.workers.concurrency == 4)
        #expect(configuration.workers.drain == .seconds(100))
        #expect(configuration.workers.maxAttempts == 5)
        #expect(configuration.downloads.trustedHosts == [])
        #expect(configuration.downloads.maxBytes == 64 * 1024 * 1024)
        #expect(configuration.inputs.maxBytes == 20 * 1024 * 1024 && configuration.inputs.privateLinks == .refuse)
        var limits = LimitRules()
        limits.standard[.retriesPerDay] = 10_000
        limits.standard[.keptBytes] = 256 << 20
        #expect(configuration.limits == limits && LimitRules().standard.areNone)
        #expect(configuration.access.admins == [] && configuration.access.adminGroup == nil)
        #expect(configuration.prices.microsPerImage == [:])
        #expect(configuration.prices.currency == "USD")
        #expect(configuration.sandbox.latency == .seconds(2))
        #expect(configuration.sandbox.linkLifetime == .seconds(604_800))
    }

    @Test("a file that sets every key is applied exactly")
    func everyKey() throws {
        let configuration = try fixture.load(
            """
            api:
              base_url: http://127.0.0.1:8080/v1/
              key_file: /run/secrets/key
              model: "other/model"
              timeout_seconds: 1.5
              unbilled_statuses: [500, 502, 500]
            workers: {concurrency: 64, drain_seconds: 0, max_attempts: '1'}
            downloads:
              trusted_hosts:
                - Images.Example.org
                - 10.0.0.7:8080
                - "[FD00::7]:81"
              max_bytes: 1 GiB
            inputs:
              max_bytes: 1024
              private_links: allow
            limits:
              queued_jobs: 3
              running_jobs: '2'
              images_per_day: 0
              spend_per_day: 0.5
              spend_per_month: none
              retries_per_day: none
              input_bytes: 1 MiB
              unused_input_bytes: 64 MiB
              archive_bytes: 2 TiB
              weight: 7
              exceptions:
                root:
                  images_per_day: none
                  weight: 1000
                4242: {spend_per_day: 1, retries_per_day: 20}
                "@root": {queued_jobs: 9}
                "@4242": {}
            access:
              admins: [root, 1000, 0]
              admin_group: root
            prices:
              other/model: 0.000001
              currency: EUR
              m: 12
            sandbox:
              latency_seconds: 0.25
              link_lifetime_seconds: 0
            """)
        #expect(configuration.api.baseURL == "http://127.0.0.1:8080/v1")
        #expect(configuration.api.keyFile == "/run/secrets/key")
        #expect(configuration.api.model == "other/model")
        #expect(configuration.api.timeout == .milliseconds(1500))
        #expect(configuration.api.unbilledStatuses == [500, 502])
        #expect(configuration.workers.concurrency == 64)
        #expect(configuration.workers.drain == .zero)
        #expect(configuration.workers.maxAttempts == 1)
        #expect(configuration.downloads.trustedHosts == ["images.example.org", "10.0.0.7:8080", "[fd00::7]:81"])
        #expect(configuration.downloads.maxBytes == 1 << 30)
        #expect(configuration.inputs.maxBytes == 1024 && configuration.inputs.privateLinks == .allow)
        let values: [(LimitKind, Int64?)] = [
            (.queuedJobs, 3), (.runningJobs, 2), (.imagesPerDay, 0), (.spendPerDay, 500_000), (.spendPerMonth, nil),
            (.retriesPerDay, nil),
            (.inputBytes, 1 << 20), (.unusedInputBytes, 64 << 20), (.archiveBytes, 2 << 40),
        ]
        for (kind, value) in values { #expect(configuration.limits.standard[kind] == value) }
        #expect(configuration.limits.standard.weight == 7)
        #expect(configuration.limits.users.keys.sorted() == [0, 4242])
        #expect(configuration.limits.users[0]?[.imagesPerDay] == .some(nil))
        #expect(configuration.limits.users[0]?.weight == 1000 && configuration.limits.users[4242]?.weight == nil)
        #expect(configuration.limits.users[4242]?[.spendPerDay] == 1_000_000)
        #expect(configuration.limits.users[4242]?[.retriesPerDay] == 20)
        #expect(configuration.limits.groups.keys.sorted() == [0, 4242])
        #expect(configuration.limits.groups[0]?[.queuedJobs] == 9)
        #expect(configuration.access.admins == [0, 1000] && configuration.access.adminGroup == 0)
        #expect(configuration.prices.microsPerImage == ["other/model": 1, "m": 12_000_000])
        #expect(configuration.prices.currency == "EUR")
        #expect(configuration.sandbox.latency == .milliseconds(250))
        #expect(configuration.sandbox.linkLifetime == .zero)
    }

    @Test("every key can be set by the environment, and the environment wins over the file")
    func environment() throws {
        let configuration = try fixture.load(
            "workers:\n  concurrency: 2\n  max_attempts: 7\n",
            environment: [
                "FLUXQ_API_BASE_URL": "https://example.org/v2",
                "FLUXQ_API_KEY_FILE": "/k",
                "FLUXQ_API_MODEL": "m",
                "FLUXQ_API_TIMEOUT_SECONDS": "10",
                "FLUXQ_API_UNBILLED_STATUSES": "500, 599",
                "FLUXQ_WORKERS_CONCURRENCY": "9",
                "FLUXQ_WORKERS_DRAIN_SECONDS": "0.5",
                "FLUXQ_DOWNLOADS_TRUSTED_HOSTS": "a.example,b.example:81",
                "FLUXQ_DOWNLOADS_MAX_BYTES": "1 MiB",
                "FLUXQ_INPUTS_MAX_BYTES": "2MiB", "FLUXQ_INPUTS_PRIVATE_LINKS": "allow",
                "FLUXQ_LIMITS_QUEUED_JOBS": "8",
                "FLUXQ_LIMITS_RUNNING_JOBS": "2",
                "FLUXQ_LIMITS_IMAGES_PER_DAY": "none",
                "FLUXQ_LIMITS_ARCHIVE_BYTES": "1 GiB",
                "FLUXQ_LIMITS_WEIGHT": "5",
                "FLUXQ_ACCESS_ADMINS": "root, 1001", "FLUXQ_ACCESS_ADMIN_GROUP": "4242",
                "FLUXQ_PRICES_CURRENCY": "CNY",
                "FLUXQ_PRICES": "a/b=0.08, c=1",
                "FLUXQ_SANDBOX_LATENCY_SECONDS": "0",
                "FLUXQ_SANDBOX_LINK_LIFETIME_SECONDS": "60",
                "FLUXQ_SOCKET": "/tmp/s", "FLUXQ_API_KEY": "secret", "PATH": "/bin",
            ])
        #expect(configuration.api.baseURL == "https://example.org/v2")
        #expect(configuration.api.keyFile == "/k")
        #expect(configuration.api.model == "m")
        #expect(configuration.api.timeout == .seconds(10))
        #expect(configuration.api.unbilledStatuses == [500, 599])
        #expect(configuration.workers.concurrency == 9)
        #expect(configuration.workers.drain == .milliseconds(500))
        #expect(configuration.workers.maxAttempts == 7)
        #expect(configuration.downloads.trustedHosts == ["a.example", "b.example:81"])
        #expect(configuration.downloads.maxBytes == 1 << 20)
        #expect(configuration.inputs.maxBytes == 2 << 20 && configuration.inputs.privateLinks == .allow)
        #expect(configuration.limits.standard[.queuedJobs] == 8 && configuration.limits.standard[.runningJobs] == 2)
        #expect(configuration.limits.standard[.imagesPerDay] == nil)
        #expect(configuration.limits.standard[.archiveBytes] == 1 << 30 && configuration.limits.standard.weight == 5)
        #expect(configuration.access.admins == [0, 1001] && configuration.access.adminGroup == 4242)
        #expect(configuration.prices.currency == "CNY")
        #expect(configuration.prices.microsPerImage == ["a/b": 80_000, "c": 1_000_000])
        #expect(configuration.sandbox.latency == .zero)
        #expect(configuration.sandbox.linkLifetime == .seconds(60))
    }

    @Test("an empty variable empties a list, so that it can override a file's list")
    func emptyList() throws {
        let configuration = try fixture.load(
            "api: {unbilled_statuses: [500]}", environment: ["FLUXQ_API_UNBILLED_STATUSES": ""])
        #expect(configuration.api.unbilledStatuses == [])
    }

    @Test(
        "a file that sets nothing is fine",
        arguments: ["", "# nothing\n", "---\n", "api:\n", "api:\nworkers: {}\n", "\u{FEFF}api:\n"])
    func nothing(yaml: String) throws {
        #expect(try fixture.load(yaml) == Configuration())
    }

    @Test("the standard file is read if it exists and no other is named")
    func standardFile() throws {
        try Data("api: {model: m}".utf8).write(to: URL(filePath: fixture.file))
        let standard = try Configuration.load(file: nil, environment: [:], standardFile: fixture.file)
        #expect(standard.api.model == "m")
        let other = fixture.directory.path("other.yaml")
        try Data("api: {model: n}".utf8).write(to: URL(filePath: other))
        #expect(try Configuration.load(file: other, environment: [:], standardFile: fixture.file).api.model == "n")
    }

    @Test("every default reads back as itself, and no two keys share a variable")
    func tableIsConsistent() throws {
        for setting in Setting.all {
            guard let text = setting.defaultText else { continue }
            let yaml = "\(setting.group):\n  \(setting.leaf): \(text)\n"
            #expect(try fixture.load(yaml) == Configuration(), "\(setting.name)")
        }
        let variables = Setting.all.map(\.environmentVariable) + Setting.otherEnvironmentVariables
        #expect(Set(variables).count == variables.count)
    }

    private static let endpoints = """
        endpoints:
          umodelverse:
            base_url: https://api.umodelverse.ai/v1/
            key_file: /etc/fluxq/keys/umodelverse
            concurrency: 7
            rate_per_minute: 30
            proxy: http://Proxy.example:3128/
            models: [black-forest-labs/flux-kontext-max, gpt-image-1]
          Local_2:
            base_url: http://127.0.0.1:8080/v1
            proxy: http://[::1]:3128
            models:
              - gpt-image-1
              - sd
        models:
          gpt-image-1:
            requires_image: false
            omit: [seed, response_format]
            parameters: [size, quality, background]
          sd: {requires_image: true}
          black-forest-labs/flux-kontext-max: {}

        """

    @Test("endpoints and models are kept as written, in their order")
    func endpoints() throws {
        let configuration = try fixture.load(Self.endpoints)
        #expect(
            configuration.endpoints == [
                .init(
                    name: "umodelverse", baseURL: "https://api.umodelverse.ai/v1",
                    keyFile: "/etc/fluxq/keys/umodelverse",
                    concurrency: 7, ratePerMinute: 30, proxy: .init(host: "proxy.example", port: 3128),
                    models: ["black-forest-labs/flux-kontext-max", "gpt-image-1"]),
                .init(
                    name: "Local_2", baseURL: "http://127.0.0.1:8080/v1", proxy: .init(host: "::1", port: 3128),
                    models: ["gpt-image-1", "sd"]),
            ])
        let catalog = configuration.catalog
        #expect(catalog.models == ["black-forest-labs/flux-kontext-max", "gpt-image-1", "sd"])
        #expect(catalog.defaultModel == "black-forest-labs/flux-kontext-max")
        #expect(catalog.lane(for: "gpt-image-1")?.endpoint == "umodelverse")
        #expect(catalog.endpoints.map(\.concurrency) == [7, 4])
        #expect(catalog.endpoints.map(\.ratePerMinute) == [30, nil])
        #expect(
            catalog.rules(for: "gpt-image-1")
                == .init(
                    requiresImage: false, omit: ["seed", "response_format"],
                    parameters: ["size", "quality", "background"]))
        #expect(catalog.rules(for: "sd").requiresImage)
        #expect(catalog.rules(for: "black-forest-labs/flux-kontext-max") == .init(requiresImage: true))
    }

    @Test("with endpoints the default model is api.model, else the vendor's, else the first")
    func defaultModel() throws {
        #expect(try fixture.load(Self.endpoints + "api: {model: sd}").catalog.defaultModel == "sd")
        let others = "endpoints: {a: {base_url: 'https://h/v1', models: [x, y]}}"
        #expect(try fixture.load(others).catalog.defaultModel == "x")
        #expect(try fixture.load(others, environment: ["FLUXQ_API_MODEL": "y"]).catalog.defaultModel == "y")
    }

    @Test("endpoints without their own values use those of workers; timeouts and statuses apply to all")
    func inherited() throws {
        let configuration = try fixture.load(
            Self.endpoints + "workers: {concurrency: 2, rate_per_minute: 9}\n"
                + "api: {timeout_seconds: 5, unbilled_statuses: [502]}\n")
        #expect(configuration.catalog.endpoints.map(\.concurrency) == [7, 2])
        #expect(configuration.catalog.endpoints.map(\.ratePerMinute) == [30, 9])
        #expect(configuration.api.timeout == .seconds(5) && configuration.api.unbilledStatuses == [502])
    }

    @Test("api alone is one endpoint, with its own model, the priced ones and those of models")
    func apiAlone() throws {
        let configuration = try fixture.load("prices: {p/b: 1, p/a: 2, m: 3}\nmodels: {o: {omit: [seed]}, p/a: {}}\n")
        let catalog = configuration.catalog
        #expect(catalog.endpoints.map(\.name) == ["default"])
        #expect(catalog.models == ["black-forest-labs/flux-kontext-max", "m", "o", "p/a", "p/b"])
        #expect(catalog.defaultModel == "black-forest-labs/flux-kontext-max")
        #expect(catalog.rules(for: "o").omit == ["seed"])
        let alone = try fixture.load("api: {model: x}").catalog
        #expect(alone.models == ["x"] && alone.endpoints[0].concurrency == 4)
    }

    @Test("the environment holds the key of an endpoint that the file names, and a key file may serve several")
    func keyVariables() throws {
        _ = try fixture.load(
            Self.endpoints, environment: ["FLUXQ_ENDPOINTS_UMODELVERSE_KEY": "a", "FLUXQ_ENDPOINTS_LOCAL_2_KEY": "b"])
        let shared = "{base_url: 'https://h/v1', key_file: /k, models: [x]}"
        #expect(try fixture.load("endpoints: {a: \(shared), b: \(shared)}").endpoints.count == 2)
    }

    @Test("a reload applies models, rules and rates, and keeps addresses, keys and proxies")
    func reload() throws {
        let before = try fixture.load(Self.endpoints)
        let next = try fixture.load(
            """
            endpoints:
              new: {base_url: "https://new.example/v1", models: [n]}
              Local_2: {base_url: "https://elsewhere.example/v1", key_file: /k, concurrency: 9, models: [sd, more]}
            models: {more: {parameters: [size]}}
            api: {model: n}
            """)
        let (taken, changed, late) = before.takingOn(next)
        #expect(
            late == [
                "endpoints.new", "endpoints.Local_2.base_url", "endpoints.Local_2.key_file", "endpoints.Local_2.proxy",
                "endpoints.umodelverse", "api.model",
            ])
        #expect(changed == ["endpoints", "models"])
        #expect(taken.endpoints.map(\.name) == ["Local_2", "umodelverse"])
        #expect(taken.endpoints[0].models == ["sd", "more"] && taken.endpoints[0].concurrency == 9)
        #expect(taken.endpoints[0].baseURL == "http://127.0.0.1:8080/v1" && taken.endpoints[0].keyFile == nil)
        #expect(taken.endpoints[1] == before.endpoints[0])
        #expect(taken.catalog.defaultModel == "black-forest-labs/flux-kontext-max")
        #expect(taken.catalog.rules(for: "more").parameters == ["size"])
        // Keys that need a restart are named again.
        #expect(taken.takingOn(next).late == late)
        #expect(before.takingOn(before).late == [] && before.takingOn(before).changed == [])

        let alone = try fixture.load("api: {model: x}\nmodels: {x: {omit: [seed]}}\n")
        let switched = alone.takingOn(before)
        #expect(switched.late == ["endpoints"])
        #expect(switched.taken.catalog == alone.catalog)
        #expect(before.takingOn(alone).taken.catalog == before.catalog)
    }
}
