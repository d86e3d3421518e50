import FluxqModel
import FluxqWorkers

/// One key of the configuration: where it is read from, where it goes, what it may be.
struct Setting: Sendable {
    /// How a value looks; the environment, where everything is text, needs to know.
    enum Shape: Sendable {
        case one
        /// Comma-separated in the environment.
        case list
        /// `name=value`, comma-separated, in the environment.
        case mapping
        /// Mappings in a mapping, which the environment cannot hold.
        case nested
    }

    /// Whether a running daemon takes it on.
    enum Reload<Value>: Sendable {
        case whileRunning
        case atStart
        /// Gives the second value back what of it only a start changes, and returns the keys of that.
        case partly(@Sendable (Value, inout Value) -> [String])
    }

    /// `group.key`; a name without a dot takes all entries of its group that are not keys themselves.
    let name: String
    let shape: Shape
    /// For the example file: what the key is for, where the name does not say it all.
    let documentation: String
    /// As it is written in the file; nil where the key has no default.
    let defaultText: String?
    /// For the example file, where there is no default to show.
    let exampleText: String?
    /// Whether two configurations differ in it.
    let differs: @Sendable (Configuration, Configuration) -> Bool
    /// Takes from the first into the second what a running daemon cannot change, and returns the keys of what differed.
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

    /// A limit of each user, with a key of its own below `limits:`.
    static func limit(_ kind: LimitKind, example: String? = nil, _ documentation: String) -> Setting {
        Setting(
            "limits.\(kind.rawValue)", .limit(kind), \.limits.standard[kind], example: example, documentation)
    }

    var group: String { String(name.prefix { $0 != "." }) }
    /// The name inside its group.
    var leaf: String { String(name.drop { $0 != "." }.dropFirst()) }
    var environmentVariable: String { Self.environmentVariable(name) }

    static func environmentVariable(_ name: String) -> String {
        environmentPrefix + name.uppercased().replacing(".", with: "_")
    }

    static let environmentPrefix = "FLUXQ_"

    /// Every key that this version knows, in the order of the example file.
    static let all: [Setting] = [
        Setting(
            "api.base_url", .webAddress, \.api.baseURL, reload: .atStart,
            "Where the images API is, any OpenAI-compatible one: the part before /images/generations. Plain "
                + "http is taken only for this host itself."
        ),
        Setting(
            "api.key_file", .absolutePath, \.api.keyFile, example: "/etc/fluxq/api-key", reload: .atStart,
            "The file with the API key. Without it: $FLUXQ_API_KEY, $MODELVERSE_API_KEY, or systemd's "
                + "credential \"api-key\"."
        ),
        Setting(
            "api.model", .modelName, \.api.model,
            "The model of a request that names none. With endpoints it has to be offered by one; without this key it is "
                + "then this model if it is offered, else the first."),
        Setting(
            "api.timeout_seconds", .seconds(0.1, 3600), \.api.timeout,
            "One call, from its first byte to the answer's last. A call that takes longer may have been billed."),
        Setting(
            "api.unbilled_statuses", .statuses, \.api.unbilledStatuses,
            "Answers that you take as not billed, so that fluxqd may send the request again."),

        Setting(
            "endpoints", .endpoints, \.endpoints, example: exampleEndpoints,
            reload: .partly { $0.keepConnections(in: &$1) },
            "Several APIs, or several keys of one, each under a name of yours, in the place of api.base_url and "
                + "api.key_file; in the file alone. Without key_file the key is $FLUXQ_ENDPOINTS_NAME_KEY or systemd's "
                + "credential \"api-key-NAME\". concurrency and rate_per_minute are by default those of workers. proxy takes "
                + "CONNECT, for calls and downloads. A model that several offer is called at the first of them."),

        Setting(
            "models", .modelRules, \.models, example: exampleModels,
            "What differs between models: whether a picture is required, fields of fluxq's own that the model's API "
                + "refuses, and fields of its own that users may set (fluxq submit --set size=1024x1024). Without "
                + "endpoints, jobs can ask for these models, for those that have a price and for api.model."),

        Setting(
            "workers.concurrency", .whole(1...64), \.workers.concurrency,
            "Calls in flight at most, at each endpoint that does not say it itself."),
        Setting(
            "workers.rate_per_minute", .optionalWhole(1...6000), \.workers.ratePerMinute, example: "30",
            "Calls begun a minute at most, evenly spaced, over restarts too: 30 is one every two seconds. For each "
                + "endpoint that does not say it itself. No limit by default."),
        Setting(
            "workers.drain_seconds", .seconds(0, 3600), \.workers.drain,
            "How long a stop waits for calls in flight. Keep TimeoutStopSec= of the unit above it."),
        Setting(
            "workers.max_attempts", .whole(1...100), \.workers.maxAttempts,
            "Attempts that are known not to have been billed."),

        Setting(
            "downloads.trusted_hosts", .hosts, \.downloads.trustedHosts, example: "[images.example.org, 10.0.0.7:8080]",
            "Hosts, or host:port, whose links may be plain http or lead into a private network. None by default."),
        Setting("downloads.max_bytes", .bytes, \.downloads.maxBytes, "The largest picture to download."),

        Setting("inputs.max_bytes", .bytes, \.inputs.maxBytes, "The largest picture to take from a user."),
        Setting(
            "inputs.private_links", .oneOf(Configuration.Admission.self), \.inputs.privateLinks,
            "Whether a link that a user gives in the place of a picture, and that the API opens, may lead to a private address or "
                + "a name of an inner network: refuse or allow. Names are not looked up. One with a user name or password is "
                + "refused either way."),

        .limit(
            .queuedJobs, example: "100",
            "Of each user; none of them by default but retries_per_day and kept_bytes, and none lifts one. Jobs that wait; a "
                + "submit over it is refused."),
        .limit(
            .runningJobs, example: "2",
            "Calls of the user at once; other jobs wait (user_limit). A job that only fetches its pictures does not count."
        ),
        .limit(
            .imagesPerDay, example: "50",
            "Pictures a day (UTC), those of calls in flight or of unknown outcome among them; jobs over it wait."),
        .limit(
            .spendPerDay, example: "5",
            "Money a day (UTC) by prices, counted like pictures; jobs over it wait (budget). Needs the price of every "
                + "model that is used: a job whose model has none is refused."),
        .limit(.spendPerMonth, example: "50.00", "Money a month (UTC)."),
        .limit(
            .retriesPerDay,
            "Failed jobs put back into the queue by hand (fluxq retry) a day (UTC); one more is refused. Calls that the API "
                + "refuses count against no other limit."),
        .limit(
            .inputBytes, example: "10 MiB",
            "The largest picture to take from the user, where that is less than inputs.max_bytes."),
        .limit(
            .unusedInputBytes, example: "200 MiB",
            "All pictures sent that no job has used yet, those on their way among them; they are removed after a day."),
        .limit(
            .archiveBytes, example: "20 GiB",
            "All inputs and pictures in the archive. A full one takes no new job; what is paid for is kept all the same."
        ),
        .limit(
            .keptBytes,
            "Text that jobs hold in the database, those that wait and those that have ended: requests, messages, calls, "
                + "events. A submit over it is refused, until the user has forgotten some (fluxq forget)."),
        Setting(
            "limits.weight", .whole(UserLimits.weights), \.limits.standard.weight,
            "The share of the calls, against other users who have jobs waiting."),
        Setting(
            "limits.exceptions", .limitExceptions, \.limits.exceptions,
            example: "{1000: {images_per_day: 200, weight: 3}, \"@sudo\": {queued_jobs: none}}",
            "Users, by name or number, and @groups with the keys above. A user's own exception beats those of groups, of "
                + "several groups the most generous counts. In the file alone."),

        Setting(
            "retention.done_days", .optionalWhole(1...36_500), \.retention.doneDays, example: "365",
            "After how many days ended jobs are forgotten by themselves, as by fluxq forget: here those that brought pictures. "
                + "For ever by default."),
        Setting(
            "retention.failed_days", .optionalWhole(1...36_500), \.retention.failedDays, example: "90",
            "Failed jobs that brought none."),
        Setting(
            "retention.canceled_days", .optionalWhole(1...36_500), \.retention.canceledDays, example: "30",
            "Canceled jobs that brought none."),

        Setting(
            "access.admins", .users, \.access.admins, example: "[root, 1000]",
            "Users, by name or number, who see and manage everything, as root and fluxqd's own user always do."),
        Setting(
            "access.admin_group", .group, \.access.adminGroup, example: "sudo",
            "A group, by name or number, whose members do as well. None by default."),
        Setting(
            "access.unknown_users", .oneOf(Configuration.Admission.self), \.access.unknownUsers,
            "Whether users whose number this host's user database does not know may use fluxqd: refuse or allow. "
                + "Subordinate numbers (/etc/subuid) and systemd's dynamic ones are refused either way."),

        Setting("prices.currency", .currency, \.prices.currency, "The currency of all prices."),
        Setting(
            "prices", .prices, \.prices.microsPerImage,
            example: "\(EditRequest.modelThatRequiresImage): 0.08",
            "The price of one image, by model. None by default."),

        Setting(
            "sandbox.latency_seconds", .seconds(0, 3600), \.sandbox.latency, reload: .atStart,
            "How long the stand-in of `fluxqd --sandbox` takes for one call."),
        Setting(
            "sandbox.link_lifetime_seconds", .seconds(0, 365 * 24 * 3600), \.sandbox.linkLifetime, reload: .atStart,
            "How long the links of its answers live."),
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

    /// `FLUXQ_…` variables that are no settings: the client's socket, the key, and in a debug build where to crash and how
    /// long to watch the clock.
    static let otherEnvironmentVariables = CrashPoint.environmentVariables.union(ClockTrust.environmentVariables).union(
        ["FLUXQ_SOCKET", Configuration.keyVariable])
}
