import FluxqModel

/// One key of the configuration: where it is read from, where it goes, what it may be.
struct Setting: Sendable {
    /// How a value looks; the environment, where everything is text, needs to know.
    enum Shape: Sendable {
        case one
        /// Comma-separated in the environment.
        case list
        /// `name=value`, comma-separated, in the environment.
        case mapping
    }

    /// Whether a running daemon takes it on.
    enum Reload: Sendable {
        case whileRunning
        case atStart
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
    let reload: Reload
    /// Whether two configurations differ in it.
    let differs: @Sendable (Configuration, Configuration) -> Bool
    /// Takes the value of the first into the second.
    let copy: @Sendable (Configuration, inout Configuration) -> Void
    let apply: @Sendable (SettingNode, inout Configuration) throws(SettingRejection) -> Void

    init<Value: Equatable>(
        _ name: String, _ type: SettingType<Value>, _ place: any WritableKeyPath<Configuration, Value> & Sendable,
        example: String? = nil, reload: Reload = .whileRunning, _ documentation: String
    ) {
        self.name = name
        self.shape = type.shape
        self.documentation = documentation
        self.defaultText = type.write(Configuration()[keyPath: place])
        self.exampleText = example
        self.reload = reload
        self.copy = { $1[keyPath: place] = $0[keyPath: place] }
        self.differs = { $0[keyPath: place] != $1[keyPath: place] }
        self.apply = { node, configuration throws(SettingRejection) in
            configuration[keyPath: place] = try type.read(node)
        }
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
        Setting("api.model", .modelName, \.api.model, "The model of a request that names none."),
        Setting(
            "api.timeout_seconds", .seconds(0.1, 3600), \.api.timeout,
            "One call, from its first byte to the answer's last. A call that takes longer may have been billed."),
        Setting(
            "api.unbilled_statuses", .statuses, \.api.unbilledStatuses,
            "Answers that you take as not billed, so that fluxqd may send the request again."),

        Setting("workers.concurrency", .whole(1...64), \.workers.concurrency, "Calls in flight at most."),
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
            "limits.queued_jobs", .optionalWhole(1...1_000_000), \.limits.queuedJobs, example: "100",
            "Jobs that one user may have waiting; a submit over it is refused. No limit by default."),

        Setting(
            "access.admins", .users, \.access.admins, example: "[root, 1000]",
            "Users, by name or number, who see and manage everything, as root and fluxqd's own user always do."),
        Setting(
            "access.admin_group", .group, \.access.adminGroup, example: "sudo",
            "A group, by name or number, whose members do as well. None by default."),

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

    /// Keys that the design has and this version does not act upon. Taking them silently would promise a limit that
    /// is none.
    static let notEnforced = [
        "limits.running_jobs", "limits.images_per_day", "limits.spend_per_day",
    ]

    /// `FLUXQ_…` variables that are no settings: the client's socket, and the key.
    static let otherEnvironmentVariables: Set = ["FLUXQ_SOCKET", Configuration.keyVariable]
}
