import FluxqImagesAPI
import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon

@Suite struct ConfigurationMistakeTests {
    struct Mistake: CustomTestStringConvertible {
        var yaml: String?
        var environment: [String: String] = [:]
        var complaints: [String]

        init(_ yaml: String, _ complaints: String...) {
            self.yaml = yaml
            self.complaints = complaints
        }

        init(_ environment: [String: String], _ complaints: String...) {
            self.environment = environment
            self.complaints = complaints
        }

        var testDescription: String { yaml ?? "\(environment)" }
    }

    @Test(
        "a mistake in the names of keys is answered with its line and the likely name",
        arguments: [
            Mistake("api:\n  base_ur: x\n", "FILE:2: api.base_ur is not a key of fluxqd. Did you mean api.base_url?"),
            Mistake("api:\n  key: sk-secret\n", "FILE:2: api.key is not a key of fluxqd. Did you mean api.key_file?"),
            Mistake(
                "api:\n  concurrency: 4\n",
                "FILE:2: api.concurrency is not a key of fluxqd. Did you mean workers.concurrency?"),
            Mistake(
                "concurrency: 4\n", "FILE:1: concurrency is not a key of fluxqd. Did you mean workers.concurrency?"),
            Mistake("worker:\n  concurrency: 4\n", "FILE:1: worker is not a key of fluxqd. Did you mean workers?"),
            Mistake(
                "inputs:\n  zzzzzzzzz: 4\n",
                "FILE:2: inputs.zzzzzzzzz is not a key of fluxqd. The keys of inputs are max_bytes, private_links."),
            Mistake(
                "zzzzzzzzz: 4\n",
                "FILE:1: zzzzzzzzz is not a key of fluxqd. "
                    + "The groups are access, api, door, downloads, endpoints, inputs, limits, listen, models, prices, "
                    + "retention, sandbox, workers."
            ),
            Mistake(
                "workers.concurrency: 4\n",
                "FILE:1: workers.concurrency must be written as \"concurrency:\", indented, below \"workers:\"."),
            Mistake(
                "[a, b]: 4\n",
                "FILE:1: A key that is no plain word is not a key of fluxqd. "
                    + "The groups are access, api, door, downloads, endpoints, inputs, limits, listen, models, prices, "
                    + "retention, sandbox, workers."
            ),
            Mistake(
                "limits:\n  images_a_day: 4\n",
                "FILE:2: limits.images_a_day is not a key of fluxqd. Did you mean limits.images_per_day?"),
            Mistake(
                "api:\n  model: a\n  timeout_seconds: 1\n  model: b\n",
                "FILE:2: model is given more than once, first in this line. Keep one."),
        ])
    func names(_ mistake: Mistake) throws {
        #expect(try ConfigurationFixture().complaints(mistake.yaml) == mistake.complaints)
    }

    @Test(
        "a wrong value is answered with its line and what it may be",
        arguments: [
            Mistake(
                "access:\n  admins:\n    - root\n    - no-such-user\n    - 65534\n    - 4294967295\n",
                "FILE:4: access.admins has an element that must be a user's name or number, but this host knows no "
                    + "\"no-such-user\". Correct the name, or create it first.",
                "FILE:5: access.admins has an element that must be a user's name or number, but is \"65534\", "
                    + "which stands for none.",
                "FILE:6: access.admins has an element that must be a user's name or number, but is \"4294967295\", "
                    + "which stands for none."),
            Mistake(
                "access:\n  admins: root\n",
                "FILE:2: access.admins must be a list of users by name or number, such as [alice, 1000], "
                    + "but is \"root\"."),
            Mistake(
                "access:\n  admin_group: no-such-group\n",
                "FILE:2: access.admin_group must be a group's name or number, but this host knows no "
                    + "\"no-such-group\". Correct the name, or create it first."),
            Mistake(
                "workers:\n  concurrency: many\n",
                "FILE:2: workers.concurrency must be a whole number from 1 to 64, but is \"many\"."),
            Mistake(
                "workers: {concurrency: 0}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is \"0\"."),
            Mistake(
                "workers: {concurrency: 65}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is \"65\"."),
            Mistake(
                "workers: {concurrency: 99999999999999999999}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is \"99999999999999999999\"."),
            Mistake(
                "workers: {concurrency: 4.0}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is \"4.0\"."),
            Mistake(
                "workers: {concurrency: [4]}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is a list."),
            Mistake(
                "workers: {concurrency: {a: 4}}\n",
                "FILE:1: workers.concurrency must be a whole number from 1 to 64, but is a group of keys."),
            Mistake(
                "workers:\n  concurrency:\n  max_attempts: 3\n",
                "FILE:2: workers.concurrency has no value. Give it a whole number from 1 to 64, or remove it."),
            Mistake("workers: 4\n", "FILE:1: workers must be a group: write its keys below it, indented."),
            Mistake(
                "api: {timeout_seconds: -1}\n",
                "FILE:1: api.timeout_seconds must be a number of seconds from 0.1 to 3600, but is \"-1\"."),
            Mistake(
                "api: {timeout_seconds: 1e3}\n",
                "FILE:1: api.timeout_seconds must be a number of seconds from 0.1 to 3600, but is \"1e3\"."),
            Mistake(
                "api:\n  unbilled_statuses: 500\n",
                "FILE:2: api.unbilled_statuses must be a list of HTTP statuses, such as [500, 503], but is \"500\"."),
            Mistake(
                "api:\n  unbilled_statuses:\n    - 500\n    - 429\n    - x\n",
                "FILE:4: api.unbilled_statuses has an element that must be a whole number from 500 to 599, "
                    + "but is \"429\".",
                "FILE:5: api.unbilled_statuses has an element that must be a whole number from 500 to 599, "
                    + "but is \"x\"."
            ),
            Mistake(
                "downloads: {trusted_hosts: ['https://a.example/']}\n",
                "FILE:1: downloads.trusted_hosts has an element that must be a host or host:port, such as "
                    + "images.example.org or [fd00::7]:8080, but is \"https://a.example/\"."),
            Mistake(
                "downloads: {max_bytes: 64 MB}\n",
                "FILE:1: downloads.max_bytes must be a size from 1 KiB to 1 GiB, as a number of bytes or "
                    + "such as 64 MiB, "
                    + "but is \"64 MB\"."),
            Mistake(
                "inputs: {max_bytes: 9999999999 GiB}\n",
                "FILE:1: inputs.max_bytes must be a size from 1 KiB to 1 GiB, as a number of bytes or such as 64 MiB, "
                    + "but is \"9999999999 GiB\"."),
            Mistake(
                "prices:\n  currency: dollars\n  a/b: 0.08\n",
                "FILE:2: prices.currency must be a currency's three capital letters, such as USD, but is \"dollars\"."),
            Mistake(
                "prices:\n  a/b: 0.0000001\n  c/d: free\n",
                "FILE:2: prices of \"a/b\" must be a price of at most 1000000 with at most six decimals, such as 0.08, "
                    + "but is \"0.0000001\".",
                "FILE:3: prices of \"c/d\" must be a price of at most 1000000 with at most six decimals, such as 0.08, "
                    + "but is \"free\"."),
            Mistake(
                "api: {model: 'a b'}\n",
                "FILE:1: api.model must be the name of a model, at most 200 bytes, but is \"a b\"."),
            // Never repeated: the value may be the key itself.
            Mistake(
                "api: {key_file: sk-secret}\n",
                "FILE:1: api.key_file must be an absolute path, such as /etc/fluxq/api-key."),
        ])
    func values(_ mistake: Mistake) throws {
        #expect(try ConfigurationFixture().complaints(mistake.yaml) == mistake.complaints)
    }

    private static let urlExample = "such as https://api.umodelverse.ai/v1"

    @Test(
        "a base URL that cannot be used is refused without being repeated",
        arguments: [
            ("api.example.org/v1", "must be a URL that begins with https://, \(urlExample)"),
            ("ftp://example.org", "must be a URL that begins with https://, \(urlExample)"),
            ("https://exa mple.org", "must be a URL that begins with https://, \(urlExample)"),
            (
                "https:///v1",
                "must name a host and, if it is not the default, a port from 1 to 65535, \(urlExample)"
            ),
            (
                "https://example.org:0/v1",
                "must name a host and, if it is not the default, a port from 1 to 65535, \(urlExample)"
            ),
            (
                "https://me:secret@example.org/",
                "must not hold a user name or password. Put the API key into a file, and its path into api.key_file"
            ),
            ("https://example.org/v1?key=secret", "must end before the first ? or #, \(urlExample)"),
            ("https://example.org/v1#a", "must end before the first ? or #, \(urlExample)"),
            ("https://example.org/v1/images/generations", "must end before /images/generations, \(urlExample)"),
            (
                "http://example.org/v1",
                "must begin with https://, because http shows the API key and the pictures to the network. "
                    + "Plain http is for this host alone: localhost, 127.0.0.1 or [::1], "
                    + "or a Unix socket (http+unix://%2Frun%2Fapi%2Fhttp.sock/v1)"
            ),
            (
                "http://127.0.0.1.example.org/v1",
                "must begin with https://, because http shows the API key and the pictures to the network. "
                    + "Plain http is for this host alone: localhost, 127.0.0.1 or [::1], "
                    + "or a Unix socket (http+unix://%2Frun%2Fapi%2Fhttp.sock/v1)"
            ),
        ])
    func baseURL(_ url: String, _ complaint: String) throws {
        #expect(
            try ConfigurationFixture().complaints("api: {base_url: '\(url)'}") == ["FILE:1: api.base_url \(complaint)."]
        )
    }

    private static let socketExample =
        "must hold the absolute path of a socket, with every slash as %2F, such as "
        + "http+unix://%2Frun%2Fapi%2Fhttp.sock/v1"

    private static func unsafe(_ why: String) -> String {
        """
        leads to a socket in a directory that is not safe: \(why). A user who can put a socket there gets the API \
        key. Make root the owner of it and of every directory above, writable only by root
        """
    }

    private static let socketURLs: [String: String] = [
        "http+unix://": socketExample,
        "http+unix:///run/api.sock/v1": socketExample,
        "http+unix://run%2Fapi.sock/v1": socketExample,
        "http+unix://%2Frun%2F/v1": socketExample,
        "http+unix://%2Frun%2Fapi.sock%/v1": socketExample,
        "http+unix://%2Frun%2Fapi.sock/v1?key=secret": socketExample,
        "http+unix://me:secret@%2Frun%2Fapi.sock/v1": socketExample,
        "http+unix://%2Frun%2F\(String(repeating: "x", count: 200))/v1": socketExample,
        "HTTP+UNIX://%2Fno%2Fsuch%2Fapi.sock/v1": unsafe("/no cannot be opened: No such file or directory"),
    ]

    @Test("the URL of a socket that cannot be used is refused without being repeated", arguments: socketURLs)
    func socketURL(_ url: String, _ complaint: String) throws {
        #expect(
            try ConfigurationFixture().complaints("api: {base_url: '\(url)'}") == ["FILE:1: api.base_url \(complaint)."]
        )
    }

    @Test(
        "a socket in a directory that others can write is refused, even if entries are protected",
        arguments: [0o1777, 0o770])
    func openSocketDirectory(_ mode: Int) throws {
        let directory = try TemporaryDirectory()
        let open = directory.path("open")
        try FileManager.default.createDirectory(atPath: open, withIntermediateDirectories: false)
        try #require(chmod(open, mode_t(mode)) == 0)
        let url = "http+unix://\("\(open)/api.sock".replacing("/", with: "%2F"))/v1"
        #expect(
            try ConfigurationFixture().complaints("api: {base_url: '\(url)'}") == [
                "FILE:1: api.base_url \(Self.unsafe("\(open) can be written by other users"))."
            ])
    }

    @Test("a socket in a directory that only root can write is accepted without a warning")
    func socketOfRoot() throws {
        let url = "http+unix://%2Fetc%2Fapi.sock/v1"
        let configuration = try ConfigurationFixture().load("api: {base_url: '\(url)/'}")
        #expect(configuration.api.baseURL.description == url)
        #expect(configuration.warnings == [])
    }

    @Test(
        "plain http to a port of this host causes a warning, for each endpoint by its name",
        arguments: ["http://localhost:8080/v1", "http://127.0.0.1/v1", "HTTP://[::1]:8080"])
    func warned(url: String) throws {
        let one = try ConfigurationFixture().load("api: {base_url: '\(url)'}").warnings
        #expect(one.count == 1 && one[0].hasPrefix("api.base_url is plain http"))
        let two = try ConfigurationFixture().load(
            "endpoints: {a: {base_url: '\(url)', models: [x]}, b: {base_url: 'https://h/v1', models: [y]}}"
        ).warnings
        #expect(two.count == 1 && two[0].hasPrefix("endpoints.a.base_url is plain http"))
        #expect(Configuration().warnings == [])
    }

    @Test(
        "plain http is accepted for this host only",
        arguments: ["http://localhost:8080/v1", "http://127.0.0.1/v1", "http://127.9.9.9", "http://[::1]:8080"])
    func loopback(url: String) throws {
        #expect(try ConfigurationFixture().load("api: {base_url: '\(url)//'}").api.baseURL.description == url)
    }

    @Test(
        "a mistake in limits and their exceptions is answered with its own line and a remedy",
        arguments: [
            Mistake(
                "limits:\n  queued_jobs: -1\n",
                "FILE:2: limits.queued_jobs must be a whole number from 0 to 1000000, or none, but is \"-1\"."),
            Mistake(
                "limits:\n  spend_per_day: $5\n",
                "FILE:2: limits.spend_per_day must be an amount of at most 1000000000 with at most six decimals, such as "
                    + "5.00, or none, but is \"$5\"."),
            Mistake(
                "limits:\n  archive_bytes: 5 GB\n",
                "FILE:2: limits.archive_bytes must be a size from 0 to 1024 TiB, as a number of bytes or such as 64 MiB, "
                    + "or none, but is \"5 GB\"."),
            Mistake(
                "limits:\n  weight: 0\n",
                "FILE:2: limits.weight must be a whole number from 1 to 1000, but is \"0\"."),
            Mistake(
                "limits:\n  exceptions: [alice]\n",
                "FILE:2: limits.exceptions must be a group of users and \"@groups\", each with its limits, but is a list."
            ),
            Mistake(
                "limits:\n  exceptions:\n    root: 5\n    no-such-user-here: {weight: 2}\n    \"@no-such-group\":\n"
                    + "      weight: 2\n",
                "FILE:3: limits.exceptions of \"root\" must be a group of limits, such as {images_per_day: 200}, but is "
                    + "\"5\".",
                "FILE:4: limits.exceptions of \"no-such-user-here\" must be a user's name or number, but this host knows no "
                    + "\"no-such-user-here\". Correct the name, or create it first.",
                "FILE:5: limits.exceptions of \"@no-such-group\" must be a group's name or number, but this host knows no "
                    + "\"no-such-group\". Correct the name, or create it first."),
            Mistake(
                "inputs: {private_links: maybe}",
                "FILE:1: inputs.private_links must be refuse or allow, but is \"maybe\"."),
            Mistake(
                "limits:\n  exceptions:\n    root:\n      images_per_dy: 5\n      queued_jobs: many\n      wait: 2\n",
                "FILE:4: limits.exceptions of \"root\" with \"images_per_dy\" is no limit; images_per_day may be meant.",
                "FILE:5: limits.exceptions of \"root\" with \"queued_jobs\" must be a whole number from 0 to 1000000, or "
                    + "none, but is \"many\".",
                "FILE:6: limits.exceptions of \"root\" with \"wait\" is no limit; they are queued_jobs, running_jobs, "
                    + "images_per_day, spend_per_day, spend_per_month, retries_per_day, input_bytes, "
                    + "unused_input_bytes, archive_bytes, kept_bytes, weight."
            ),
            Mistake(
                "limits:\n  exceptions:\n    root: {weight: 1}\n    0: {weight: 2}\n",
                "FILE:4: limits.exceptions of \"0\" is given twice, by name and by number. Keep one."),
            Mistake(
                "limits:\n  spend_per_day: 5\n",
                "limits.spend_per_day needs the price of black-forest-labs/flux-kontext-max to count with. "
                    + "Add it below \"prices:\", or remove the limit."),
            Mistake(
                "limits:\n  exceptions:\n    root: {spend_per_month: 5}\n",
                "limits.spend_per_month needs the price of black-forest-labs/flux-kontext-max to count with. "
                    + "Add it below \"prices:\", or remove the limit."),
        ])
    func limits(_ mistake: Mistake) throws {
        #expect(try ConfigurationFixture().complaints(mistake.yaml) == mistake.complaints)
    }

    private static let h = "base_url: 'https://h/v1', models: [a]"

    @Test(
        "a mistake in endpoints and models is answered with its own line and a remedy",
        arguments: [
            Mistake("endpoints: x\n", "FILE:1: endpoints must be a group: write its keys below it, indented."),
            Mistake(
                "endpoints:\n  a: x\n",
                "FILE:2: endpoints of \"a\" must be a group with the keys base_url, key_file, concurrency, rate_per_minute, "
                    + "proxy, models, but is \"x\"."),
            Mistake(
                "endpoints:\n  a:\n    base_ur: x\n    key: sk-secret\n",
                "FILE:2: endpoints of \"a\" has no base_url. Give it one, such as base_url: https://api.umodelverse.ai/v1.",
                "FILE:2: endpoints of \"a\" has no models. List those that it offers, such as models: [gpt-image-1].",
                "FILE:3: endpoints of \"a\" with \"base_ur\" is no key of an endpoint; base_url may be meant.",
                "FILE:4: endpoints of \"a\" with \"key\" is no key of an endpoint; key_file may be meant."),
            Mistake(
                "endpoints:\n  a:\n    base_url: http://h.example/v1\n    key_file: sk-secret\n    concurrency: 0\n"
                    + "    rate_per_minute: often\n    proxy: proxy:3128\n    models: gpt\n",
                "FILE:3: endpoints of \"a\" with \"base_url\" must begin with https://, because http shows the API key and "
                    + "the pictures to the network. Plain http is for this host alone: localhost, 127.0.0.1 or [::1], "
                    + "or a Unix socket (http+unix://%2Frun%2Fapi%2Fhttp.sock/v1).",
                "FILE:4: endpoints of \"a\" with \"key_file\" must be an absolute path, such as /etc/fluxq/api-key.",
                "FILE:5: endpoints of \"a\" with \"concurrency\" must be a whole number from 1 to 64, but is \"0\".",
                "FILE:6: endpoints of \"a\" with \"rate_per_minute\" must be a whole number from 1 to 6000, but is "
                    + "\"often\".",
                "FILE:7: endpoints of \"a\" with \"proxy\" must be the address of an HTTP proxy with its port, such as "
                    + "http://proxy.example:3128.",
                "FILE:8: endpoints of \"a\" with \"models\" must be a list of models, such as [gpt-image-1], but is "
                    + "\"gpt\"."),
            Mistake(
                "endpoints:\n  a: {base_url: 'https://h/v1', models: []}\n",
                "FILE:2: endpoints of \"a\" with \"models\" is empty. List the models that the endpoint offers, or remove "
                    + "the endpoint."),
            Mistake(
                "endpoints:\n  a: {base_url: 'https://h/v1', models: [x, 'y z', x]}\n",
                "FILE:2: endpoints of \"a\" with \"models\" has an element that must be the name of a model, at most 200 "
                    + "bytes, but is \"y z\"."),
            Mistake(
                "endpoints:\n  a: {base_url: 'https://h/v1', models: [x, y, x]}\n",
                "FILE:2: endpoints of \"a\" with \"models\" names \"x\" twice. Keep one."),
            Mistake(
                "endpoints:\n  \"a b\": {\(h)}\n  ü: {\(h)}\n  \"\": {\(h)}\n",
                "FILE:2: endpoints of \"a b\" has a name that no endpoint can have. Use letters, digits, - and _, at most "
                    + "64, such as umodelverse.",
                "FILE:3: endpoints of \"ü\" has a name that no endpoint can have. Use letters, digits, - and _, at most "
                    + "64, such as umodelverse.",
                "FILE:4: endpoints of \"\" has a name that no endpoint can have. Use letters, digits, - and _, at most "
                    + "64, such as umodelverse."),
            Mistake(
                "endpoints:\n  a-b: {\(h)}\n  A_b: {\(h)}\n",
                "FILE:3: endpoints of \"A_b\" has a name that another endpoint has too, but for -, _ and the size of "
                    + "letters. Rename one."),
            Mistake(
                "endpoints:\n  a: {\(h)}\n  a: {\(h)}\n",
                "FILE:2: a is given more than once, first in this line. Keep one."),
            // Never repeated: it contains a password.
            Mistake(
                "endpoints:\n  a: {\(h), proxy: 'http://me:secret@proxy:3128'}\n",
                "FILE:2: endpoints of \"a\" with \"proxy\" must not hold a user name or password: fluxqd gives a proxy "
                    + "none."),
            Mistake(
                "endpoints:\n  a:\n    base_url: http://127.0.0.1:8080/v1\n    proxy: http://proxy.example:3128\n"
                    + "    models: [x]\n",
                "FILE:4: endpoints of \"a\" with \"proxy\" leads away from this host, and base_url is plain http, which "
                    + "would show the API key and the pictures to the network. Remove it, or use https."),
            Mistake(
                "api:\n  base_url: https://h/v1\n  key_file: /k\nendpoints: {a: {\(h)}}\n",
                "FILE:2: api.base_url and endpoints cannot both be given. Make it the base_url of one of the endpoints, or "
                    + "remove endpoints.",
                "FILE:3: api.key_file and endpoints cannot both be given. Make it the key_file of one of the endpoints, or "
                    + "remove endpoints."),
            Mistake(
                "api:\n  model: b\nendpoints: {x: {\(h)}}\nmodels:\n  aa: {}\n  gpt-image-1: {}\n",
                "FILE:2: api.model is \"b\", which no endpoint offers. Did you mean a?",
                "FILE:5: models of \"aa\": no endpoint offers it. Did you mean a?",
                "FILE:6: models of \"gpt-image-1\": no endpoint offers it. Offered are a."),
            Mistake(
                "models:\n  a b: {}\n  c: 4\n  d: {require_image: true}\n  e: {requires_image: yes}\n",
                "FILE:2: models of \"a b\" must be the name of a model, at most 200 bytes, but is \"a b\".",
                "FILE:3: models of \"c\" must be a group with the keys requires_image, omit, parameters, but is \"4\".",
                "FILE:4: models of \"d\" with \"require_image\" is no key of a model; requires_image may be meant.",
                "FILE:5: models of \"e\" with \"requires_image\" must be true or false, but is \"yes\"."),
            Mistake(
                "models:\n  a:\n    omit: [seeds, size, prompt, model]\n    parameters: [seed, 'a b', size, 'x=y', '']\n"
                    + "  b: {omit: seed, parameters: {size: 1}}\n  c: {omit: [n, n]}\n  d: {parameters: [x, x]}\n",
                "FILE:3: models of \"a\" with \"omit\" has an element that must be one of image, n, strength, seed, steps, "
                    + "guidance_scale, negative_prompt, response_format, but is \"seeds\"; seed may be meant.",
                "FILE:3: models of \"a\" with \"omit\" has an element that must be one of image, n, strength, seed, steps, "
                    + "guidance_scale, negative_prompt, response_format, but is \"size\".",
                "FILE:3: models of \"a\" with \"omit\" has an element that must not be \"prompt\": every request has it.",
                "FILE:3: models of \"a\" with \"omit\" has an element that must not be \"model\": every request has it.",
                "FILE:4: models of \"a\" with \"parameters\" has an element that must not be \"seed\": it is one of "
                    + "fluxq's own fields, which are always allowed.",
                "FILE:4: models of \"a\" with \"parameters\" has an element that must be the name of a field of the model's "
                    + "own, such as size, but is \"a b\".",
                "FILE:4: models of \"a\" with \"parameters\" has an element that must be the name of a field of the model's "
                    + "own, such as size, but is \"x=y\".",
                "FILE:4: models of \"a\" with \"parameters\" has an element that has no value. Give it the name of a field "
                    + "of the model's own, such as size, or remove it.",
                "FILE:5: models of \"b\" with \"omit\" must be a list of fields, such as [seed, response_format], but is "
                    + "\"seed\".",
                "FILE:5: models of \"b\" with \"parameters\" must be a list of fields, such as [size, quality], but is a "
                    + "group of keys.",
                "FILE:6: models of \"c\" with \"omit\" names \"n\" twice. Keep one.",
                "FILE:7: models of \"d\" with \"parameters\" names \"x\" twice. Keep one."),
            Mistake(
                "models:\n  a: {requires_image: true, omit: [image]}\n"
                    + "  black-forest-labs/flux-kontext-max: {omit: [image]}\n",
                "FILE:2: models of \"a\" with \"omit\" holds image, which the model requires. Remove it, or set "
                    + "requires_image: false.",
                "FILE:3: models of \"black-forest-labs/flux-kontext-max\" with \"omit\" holds image, which the model "
                    + "requires. Remove it, or set requires_image: false."),
        ])
    func endpoints(_ mistake: Mistake) throws {
        #expect(try ConfigurationFixture().complaints(mistake.yaml) == mistake.complaints)
    }

    @Test("variables that do not go with endpoints are refused by name, and no key is repeated")
    func variablesOfEndpoints() throws {
        let complaints = try ConfigurationFixture().complaints(
            "endpoints: {a-b: {\(Self.h)}}\n",
            environment: [
                "FLUXQ_API_KEY": "hunter2", "FLUXQ_API_BASE_URL": "https://h/v1", "FLUXQ_ENDPOINTS_A_C_KEY": "hunter2",
                "FLUXQ_ENDPOINTS_A_B_BASE_URL": "https://h/v2", "FLUXQ_ENDPOINTS": "a", "FLUXQ_MODELS": "b",
                "FLUXQ_ENDPOINTS_A_B_KEY": "hunter2",
            ])
        #expect(
            Set(complaints) == [
                "$FLUXQ_API_BASE_URL: api.base_url and endpoints cannot both be given. Make it the base_url of one of the "
                    + "endpoints, or remove endpoints.",
                "$FLUXQ_API_KEY: A key for api.base_url and endpoints cannot both be given. Put it into "
                    + "FLUXQ_ENDPOINTS_A_B_KEY, or remove endpoints.",
                "$FLUXQ_ENDPOINTS: endpoints can be set only in the configuration file. Unset the variable.",
                "$FLUXQ_ENDPOINTS_A_B_BASE_URL: fluxqd knows no such variable. Endpoints can be set only in the "
                    + "configuration file; a variable can only hold an endpoint's key. Unset it, or correct its name.",
                "$FLUXQ_ENDPOINTS_A_C_KEY: fluxqd knows no such variable. Did you mean FLUXQ_ENDPOINTS_A_B_KEY?",
                "$FLUXQ_MODELS: models can be set only in the configuration file. Unset the variable.",
            ])
        #expect(
            try ConfigurationFixture().complaints(nil, environment: ["FLUXQ_ENDPOINTS_X_KEY": "hunter2"]) == [
                "$FLUXQ_ENDPOINTS_X_KEY: fluxqd knows no such variable. Endpoints can be set only in the "
                    + "configuration file; a variable can only hold an endpoint's key. Unset it, or correct its name."
            ])
    }

    @Test(
        "mistakes in the environment name the variable",
        arguments: [
            Mistake(
                ["FLUXQ_WORKERS_CONCURRENCY": "lots"],
                "$FLUXQ_WORKERS_CONCURRENCY: workers.concurrency must be a whole number from 1 to 64, but "
                    + "is \"lots\"."),
            Mistake(
                ["FLUXQ_API_MODEL": " "],
                "$FLUXQ_API_MODEL: api.model has no value. Give it the name of a model, at most 200 bytes, "
                    + "or remove it."
            ),
            Mistake(
                ["FLUXQ_API_UNBILLED_STATUSES": "500,,503"],
                "$FLUXQ_API_UNBILLED_STATUSES: api.unbilled_statuses has an element that has no value. "
                    + "Give it a whole number from 500 to 599, or remove it."),
            Mistake(
                ["FLUXQ_API_BASEURL": "secret"],
                "$FLUXQ_API_BASEURL: fluxqd knows no such variable. Did you mean FLUXQ_API_BASE_URL?"),
            Mistake(
                ["FLUXQ_ENTIRELY_UNKNOWN": "secret"],
                "$FLUXQ_ENTIRELY_UNKNOWN: fluxqd knows no such variable. Unset it, or correct its name."),
            Mistake(
                ["FLUXQ_LIMITS_EXCEPTIONS": "alice=4"],
                "$FLUXQ_LIMITS_EXCEPTIONS: limits.exceptions can be set only in the configuration file. Unset the "
                    + "variable."),
            Mistake(
                ["FLUXQ_PRICES": "a=0.08,a=0.09,=1,b"],
                "$FLUXQ_PRICES: prices of \"a\" gives \"a\" twice.",
                "$FLUXQ_PRICES: prices of \"\" names no model; write MODEL=PRICE.",
                "$FLUXQ_PRICES: prices of \"b\" has no value. Give it a price of at most 1000000 with at most six "
                    + "decimals, such as 0.08, or remove it."),
        ])
    func environment(_ mistake: Mistake) throws {
        #expect(try ConfigurationFixture().complaints(nil, environment: mistake.environment) == mistake.complaints)
    }

    @Test("all mistakes are reported at once: the file's by line, then the environment's")
    func allAtOnce() throws {
        let complaints = try ConfigurationFixture().complaints(
            "prices:\n  a: free\nworkers:\n  concurency: 1\n  max_attempts: 0\napi:\n  model: ''\n",
            environment: ["FLUXQ_INPUTS_MAX_BYTES": "x", "FLUXQ_API_MODELL": "m"])
        #expect(
            complaints.map { String($0.prefix { $0 != " " }) } == [
                "FILE:2:", "FILE:4:", "FILE:5:", "FILE:7:", "$FLUXQ_API_MODELL:", "$FLUXQ_INPUTS_MAX_BYTES:",
            ])
    }

    @Test(
        "a file that is not YAML is refused with the line",
        arguments: [
            ("api:\n  model: a: b\n", "FILE:2: This is not YAML: mapping values are not allowed in this context"),
            ("api:\n\tmodel: a\n", "FILE:2: This is not YAML: found character that cannot start any token"),
            ("api: [1, 2\n", "FILE:2: This is not YAML: did not find expected ',' or ']'"),
            ("api: \u{1}\n", "FILE: This is not YAML text: control characters are not allowed."),
            (String(repeating: "[", count: 100_000), "FILE:1: This is not YAML: "),
            ("just a sentence\n", "FILE:1: The file must hold groups of keys"),
            ("- a\n- b\n", "FILE:1: The file must hold groups of keys"),
            ("a: 1\n---\nb: 1\n", "FILE:2: This is not YAML: but found another document"),
        ])
    func syntax(_ yaml: String, _ beginning: String) throws {
        let complaints = try ConfigurationFixture().complaints(yaml)
        #expect(complaints.count == 1)
        #expect(complaints.first?.hasPrefix(beginning) == true, "\(complaints)")
    }

    @Test("a file that is missing, a directory, too large or no text is refused")
    func unreadable() throws {
        let fixture = try ConfigurationFixture()
        func complaint(_ path: String) -> String? {
            do {
                _ = try Configuration.load(file: path, environment: [:])
                return nil
            } catch { return error.description }
        }
        let missing = fixture.directory.path("none.yaml")
        #expect(
            complaint(missing)
                == "\(missing): There is no such configuration file. Create it, or correct or leave out --config.")
        let directory = fixture.directory.path
        #expect(complaint(directory) == "\(directory): This is not a file. Give --config the path of a YAML file.")

        let file = fixture.file
        try Data(repeating: UInt8(ascii: "#"), count: ConfigurationFile.maxBytes + 1).write(to: URL(filePath: file))
        #expect(complaint(file) == "\(file): The configuration file is larger than 1 MiB. Is it the right file?")
        try Data([0x61, 0xFF, 0xFE]).write(to: URL(filePath: file))
        #expect(complaint(file) == "\(file): The configuration file is not UTF-8 text. Save it as UTF-8.")
    }
}
