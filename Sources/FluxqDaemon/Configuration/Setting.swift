import FluxqDoor
import FluxqModel
import FluxqWorkers

/// One key of the configuration: its sources, its place and its type.
struct Setting: Sendable {
    /// The form of a value. The environment needs it, because everything there is text.
    enum Shape: Sendable {
        case one
        /// Comma-separated in the environment.
        case list
        /// `name=value`, comma-separated, in the environment.
        case mapping
        /// Mappings in a mapping, which the environment cannot hold.
        case nested
    }

    /// When a changed value is applied.
    enum Reload<Value>: Sendable {
        case whileRunning
        case atStart
        /// Sets back in the second value what only a start can change, and returns the keys of that.
        case partly(@Sendable (Value, inout Value) -> [String])
    }

    /// `group.key`; a name without a dot stands for all entries of its group that are not keys themselves.
    let name: String
    let shape: Shape
    /// For the example file: the purpose of the key, if its name does not explain it.
    let documentation: String
    /// The default as written in the file; nil if the key has none.
    let defaultText: String?
    /// An example for the example file if there is no default.
    let exampleText: String?
    /// True if the two configurations differ in this setting.
    let differs: @Sendable (Configuration, Configuration) -> Bool
    /// Copies from the first to the second what a running daemon cannot change. Returns the keys whose values differed.
    let keep: @Sendable (Configuration, inout Configuration) -> [String]
    let apply: @Sendable (SettingNode, inout Configuration) throws(SettingRejection) -> Void

    init<Value: Equatable>(
        _ name: String, _ type: SettingType<Value>, _ place: any WritableKeyPath<Configuration, Value> & Sendable,
        example: String? = nil, reload: Reload<Value> = .whileRunning, _ documentation: String
    ) {
        self.name = name
        self.shape = type.shape
        self.documentation = documentation
        self.defaultText = type.write(Configuration()[keyPath: place])
        self.exampleText = example
        self.differs = { $0[keyPath: place] != $1[keyPath: place] }
        self.keep = { before, next in
            switch reload {
            case .whileRunning: return []
            case .partly(let keep): return keep(before[keyPath: place], &next[keyPath: place])
            case .atStart:
                defer { next[keyPath: place] = before[keyPath: place] }
                return before[keyPath: place] == next[keyPath: place] ? [] : [name]
            }
        }
        self.apply = { node, configuration throws(SettingRejection) in
            configuration[keyPath: place] = try type.read(node)
        }
    }

    /// A limit for each user, with its own key below `limits:`.
    static func limit(_ kind: LimitKind, example: String? = nil, _ documentation: String) -> Setting {
        Setting(
            "limits.\(kind.rawValue)", .limit(kind), \.limits.standard[kind], example: example, documentation)
    }

    var group: String { String(name.prefix { $0 != "." }) }
    /// The name within its group.
    var leaf: String { String(name.drop { $0 != "." }.dropFirst()) }
    var environmentVariable: String { Self.environmentVariable(name) }

    static func environmentVariable(_ name: String) -> String {
        environmentPrefix + name.uppercased().replacing(".", with: "_")
    }

    static let environmentPrefix = "FLUXQ_"

    /// Every key that this version knows, in the order of the example file.
    static let all: [Setting] = [
        Setting(
            "api.base_url", .baseURL, \.api.baseURL, reload: .atStart,
            "Base URL of the images API (any OpenAI-compatible one), without /images/generations. Plain http is "
                + "allowed only for this host."
        ),
        Setting(
            "api.key_file", .absolutePath, \.api.keyFile, example: "/etc/fluxq/api-key", reload: .atStart,
            "File with the API key. Default: $FLUXQ_API_KEY, $MODELVERSE_API_KEY, or systemd's "
                + "credential \"api-key\"."
        ),
        Setting(
            "api.model", .modelName, \.api.model,
            "Model for requests that name none. With endpoints, one of them must offer it. If this key is missing, "
                + "fluxqd uses this model if an endpoint offers it, else the first one."),
        Setting(
            "api.timeout_seconds", .seconds(0.1, 3600), \.api.timeout,
            "Timeout of one call, including its answer. A call that times out may have been billed."),
        Setting(
            "api.unbilled_statuses", .statuses, \.api.unbilledStatuses,
            "HTTP statuses that you consider not billed, so that fluxqd may resend the request."),

        Setting(
            "endpoints", .endpoints, \.endpoints, example: exampleEndpoints,
            reload: .partly { $0.keepConnections(in: &$1) },
            "Several APIs, or several keys of one, each with a name. They replace api.base_url and api.key_file, "
                + "and can be set only in this file. Without key_file the key is $FLUXQ_ENDPOINTS_NAME_KEY or "
                + "systemd's credential \"api-key-NAME\". concurrency and rate_per_minute default to those of "
                + "workers. proxy is an HTTP proxy (CONNECT) for calls and downloads. If several endpoints offer a "
                + "model, the first one is called."),

        Setting(
            "models", .modelRules, \.models, example: exampleModels,
            "Differences between models: whether a picture is required, which of fluxq's fields to omit, and which "
                + "further fields users may set (fluxq submit --set size=1024x1024). Without endpoints, jobs can "
                + "use these models, those with a price, and api.model."),

        Setting(
            "workers.concurrency", .whole(1...64), \.workers.concurrency,
            "Maximum concurrent calls of each endpoint that sets no value of its own."),
        Setting(
            "workers.rate_per_minute", .optionalWhole(1...6000), \.workers.ratePerMinute, example: "30",
            "Rate limiter: calls started per minute, evenly spaced, also across restarts. 30 is one every two "
                + "seconds. Applies to each endpoint that sets no value of its own. No limit by default."),
        Setting(
            "workers.drain_seconds", .seconds(0, 3600), \.workers.drain,
            "How long a stop waits for calls in flight. TimeoutStopSec= of the unit must be longer."),
        Setting(
            "workers.max_attempts", .whole(1...100), \.workers.maxAttempts,
            "Maximum attempts per job that are known not to have been billed."),

        Setting(
            "downloads.trusted_hosts", .hosts, \.downloads.trustedHosts, example: "[images.example.org, 10.0.0.7:8080]",
            "Hosts, or host:port, whose links may use plain http or a private network. None by default."),
        Setting("downloads.max_bytes", .bytes, \.downloads.maxBytes, "Maximum size of a downloaded picture."),

        Setting("inputs.max_bytes", .bytes, \.inputs.maxBytes, "Maximum size of a picture sent by a user."),
        Setting(
            "inputs.private_links", .oneOf(Configuration.Admission.self), \.inputs.privateLinks,
            "Users may send a link instead of a picture; the API opens it. This says whether it may name a private "
                + "address or internal host: refuse or allow. Names are not looked up. A link with a user name or "
                + "password is always refused."),

        .limit(
            .queuedJobs, example: "100",
            "Limits apply to each user. Only retries_per_day and kept_bytes have a default; `none` removes a limit. "
                + "Maximum queued jobs; further submits are rejected."),
        .limit(
            .runningJobs, example: "2",
            "Maximum concurrent calls; other jobs wait (user_limit). A job that only downloads its pictures does "
                + "not count."
        ),
        .limit(
            .imagesPerDay, example: "50",
            "Pictures per day (UTC), including those of calls in flight or with unknown outcome. Further jobs wait "
                + "(budget)."),
        .limit(
            .spendPerDay, example: "5",
            "Money per day (UTC), by prices, counted like pictures. Further jobs wait (budget). Every model needs a "
                + "price: jobs for a model without one are rejected."),
        .limit(.spendPerMonth, example: "50.00", "Money per month (UTC)."),
        .limit(
            .retriesPerDay,
            "Manual retries (fluxq retry) per day (UTC); further ones are rejected. Calls that the API rejects "
                + "count against no other limit."),
        .limit(
            .inputBytes, example: "10 MiB",
            "Maximum size of a picture sent by the user, if less than inputs.max_bytes."),
        .limit(
            .unusedInputBytes, example: "200 MiB",
            "All uploaded pictures that no job has used yet, including uploads in progress. They are removed after "
                + "a day."),
        .limit(
            .archiveBytes, example: "20 GiB",
            "All inputs and pictures in the archive. At the limit new jobs are rejected; paid pictures are always kept."
        ),
        .limit(
            .keptBytes,
            "Text that queued and ended jobs hold in the database: requests, messages, calls, events. Further "
                + "submits are rejected until the user forgets some jobs (fluxq forget)."),
        Setting(
            "limits.weight", .whole(UserLimits.weights), \.limits.standard.weight,
            "The user's share of the calls, relative to other users with queued jobs."),
        Setting(
            "limits.exceptions", .limitExceptions, \.limits.exceptions,
            example: "{1000: {images_per_day: 200, weight: 3}, \"@sudo\": {queued_jobs: none}}",
            "Exceptions for users (by name or uid) and @groups, with the keys above. A user's exception overrides "
                + "those of groups; of several groups the highest limit applies. Only in this file."),

        Setting(
            "retention.done_days", .optionalWhole(1...36_500), \.retention.doneDays, example: "365",
            "Days after which ended jobs are forgotten automatically, as with fluxq forget. This one is for jobs "
                + "with pictures. By default jobs are kept forever."),
        Setting(
            "retention.failed_days", .optionalWhole(1...36_500), \.retention.failedDays, example: "90",
            "For failed jobs without pictures."),
        Setting(
            "retention.canceled_days", .optionalWhole(1...36_500), \.retention.canceledDays, example: "30",
            "For canceled jobs without pictures."),

        Setting(
            "listen.http", .loopbackAddresses, \.listen.http, example: "[127.0.0.1:7839, \"[::1]:7839\"]",
            reload: .atStart,
            "Loopback addresses, one or a list, at which fluxqd serves HTTP besides its socket, for clients that know no "
                + "Unix sockets. The kernel names each client's user. Off by default. fluxqd-http.socket does the same "
                + "from the start of the host."),

        Setting(
            "access.admins", .users, \.access.admins, example: "[root, 1000]",
            "Administrators (by name or uid), who see and manage everything. root and fluxqd's own user always are."),
        Setting(
            "access.admin_group", .group, \.access.adminGroup, example: "sudo",
            "Group (by name or gid) whose members are administrators too. None by default."),
        Setting(
            "access.unknown_users", .oneOf(Configuration.Admission.self), \.access.unknownUsers,
            "Whether uids that are not in this host's user database may use fluxqd: refuse or allow. Subordinate "
                + "uids (/etc/subuid) and systemd's dynamic ones are always refused."),

        Setting(
            "door.adopt_seconds", .seconds(0, 7 * 24 * 3600), \.door.adoptTime,
            "OpenAI-compatible requests: how long a request gets the answer of an earlier, identical one that was not "
                + "delivered, or whose outcome is unknown, instead of a call of its own."),
        Setting(
            "door.patience_seconds", .seconds(1, 3600), \.door.patience,
            "How long such a request waits for its job. Then its client is told to send it again, which continues the "
                + "wait. Below the clients' own timeouts."),
        Setting(
            "door.models", .modelAliases, \.door.models,
            example: "{\"gpt-image-*\": \(EditRequest.modelThatRequiresImage)}",
            "The models to call for names that clients send, because their lists are fixed. A name may end in *."),

        Setting("prices.currency", .currency, \.prices.currency, "The currency of all prices."),
        Setting(
            "prices", .prices, \.prices.microsPerImage,
            example: "\(EditRequest.modelThatRequiresImage): 0.08",
            "Price of one image, by model. None by default."),

        Setting(
            "sandbox.latency_seconds", .seconds(0, 3600), \.sandbox.latency, reload: .atStart,
            "Duration of one call of `fluxqd --sandbox`."),
        Setting(
            "sandbox.link_lifetime_seconds", .seconds(0, 365 * 24 * 3600), \.sandbox.linkLifetime, reload: .atStart,
            "Lifetime of the links in its answers."),
    ]

    private static let exampleEndpoints = """
        umodelverse:
          base_url: https://api.umodelverse.ai/v1
          key_file: /etc/fluxq/keys/umodelverse
          concurrency: 4
          rate_per_minute: 30
          models: [\(EditRequest.modelThatRequiresImage)]
        openai:
          base_url: https://api.openai.com/v1
          key_file: /etc/fluxq/keys/openai
          proxy: http://proxy.example:3128
          models: [gpt-image-1]
        """

    private static let exampleModels = """
        gpt-image-1:
          requires_image: false
          omit: [seed, response_format]
          parameters: [size, quality, background]
        """

    /// `FLUXQ_…` variables that are no settings: the client's socket, the API key, and in a debug build where to crash
    /// and how long to watch the clock.
    static let otherEnvironmentVariables = CrashPoint.environmentVariables.union(ClockTrust.environmentVariables).union(
        ["FLUXQ_SOCKET", Configuration.keyVariable])
}
