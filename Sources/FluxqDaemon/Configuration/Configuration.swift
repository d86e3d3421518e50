package import FluxqDoor
package import FluxqHost
package import FluxqImagesAPI
package import FluxqModel

/// The settings that an administrator can change. A new one holds every default; `load(file:environment:)` reads the
/// rest.
///
/// The API key is not part of it, so that printing a configuration never prints the key: see `apiKey(environment:)`.
package struct Configuration: Hashable, Sendable {
    package var api = API()
    /// In the order of the file. Empty if `api` names the API: see `everyEndpoint`.
    package var endpoints: [Endpoint] = []
    /// Differences from the usual rules, by model.
    package var models: [String: Model] = [:]
    package var workers = Workers()
    package var downloads = Downloads()
    package var inputs = Inputs()
    /// The limits of users, in `FluxqStore`'s units.
    package var limits = Configuration.standardLimits
    package var retention = Retention()
    package var listen = Listen()
    package var access = Access()
    package var door = Door.Settings()
    package var prices = Prices()
    package var sandbox = Sandbox()

    package init() {}

    /// What a user's jobs hold in the database is limited by default. Otherwise one user could fill the disk with jobs
    /// that cost nothing. Retries are limited too: a job that the API rejects without billing could be retried
    /// endlessly, and each retry adds to the ledger. A user who retries failed jobs, even thousands at once, does not
    /// reach that limit.
    private static let standardLimits: LimitRules = {
        var limits = LimitRules()
        limits.standard[.retriesPerDay] = 10_000
        limits.standard[.keptBytes] = 256 << 20
        return limits
    }()

    package struct API: Hashable, Sendable {
        package var baseURL = BaseURL.umodelverse
        /// An absolute path; nil if the key comes from the environment.
        package var keyFile: String?
        /// The model for requests that name none; always one that is offered.
        package var model = EditRequest.modelThatRequiresImage
        /// The timeout of one call, from its first byte to the answer's last.
        package var timeout: Duration = .seconds(300)
        /// Statuses whose answers the administrator considers not billed.
        package var unbilledStatuses: Set<Int> = [500, 503]
    }

    /// An API that is called, with its own key.
    package struct Endpoint: Hashable, Sendable {
        package var name: String
        package var baseURL: BaseURL
        /// An absolute path; nil if the key comes from the environment.
        package var keyFile: String?
        /// Maximum calls in flight; nil for `workers.concurrency`.
        package var concurrency: Int?
        /// Maximum calls started per minute; nil for `workers.ratePerMinute`.
        package var ratePerMinute: Int?
        package var proxy: ImagesClient.Configuration.Proxy?
        /// Never empty; each model once.
        package var models: [String]
    }

    /// The rules for requests to a model. nil and empty keep the usual rules.
    package struct Model: Hashable, Sendable {
        package var requiresImage: Bool?
        /// Names of `EditRequest.CodingKeys`.
        package var omit: Set<String> = []
        /// In the order of the file.
        package var parameters: [String] = []
    }

    package struct Workers: Hashable, Sendable {
        /// Maximum calls in flight, per endpoint.
        package var concurrency = 4
        /// Maximum calls started per minute, per endpoint; nil for as many as `concurrency` allows.
        package var ratePerMinute: Int?
        /// How long a stop waits for calls in flight after SIGTERM.
        package var drain: Duration = .seconds(100)
        /// Maximum attempts per job that are known not to have been billed.
        package var maxAttempts = 5
    }

    package struct Downloads: Hashable, Sendable {
        /// Hosts that may use plain http or be private; without a port, any port.
        package var trustedHosts: [HostAndPort] = []
        package var maxBytes: Int64 = 64 << 20
    }

    package struct Inputs: Hashable, Sendable {
        package var maxBytes: Int64 = 20 << 20
        /// For links that a user sends instead of a picture and that lead outside the public Internet.
        package var privateLinks = Admission.refuse
    }

    /// Days after which ended jobs are removed; nil to keep them forever.
    package struct Retention: Hashable, Sendable {
        package var doneDays: Int?
        package var failedDays: Int?
        package var canceledDays: Int?
    }

    /// Where fluxqd listens besides its Unix socket.
    package struct Listen: Hashable, Sendable {
        /// Ports for clients that know no Unix sockets; each once, none with port 0.
        package var http: [LoopbackAddress] = []
    }

    /// The users who see and manage everything, besides root and fluxqd's own user.
    package struct Access: Hashable, Sendable {
        /// Their uids.
        package var admins: Set<UInt32> = []
        /// The gid of a group; nil for none.
        package var adminGroup: UInt32?
        /// For peers whose uid is not in this host's user database.
        package var unknownUsers = Admission.refuse
    }

    /// The choice for something that is dangerous on some hosts and needed on others.
    package enum Admission: String, Hashable, Sendable, CaseIterable {
        case refuse, allow
    }

    package struct Prices: Hashable, Sendable {
        /// Three capital letters (ISO 4217).
        package var currency = "USD"
        /// By model, in millionths of the currency.
        package var microsPerImage: [String: Int64] = [:]
    }

    package struct Sandbox: Hashable, Sendable {
        /// How long one call of the stand-in takes.
        package var latency: Duration = .seconds(2)
        /// How long the links in its answers are valid; the vendor's are valid for seven days.
        package var linkLifetime: Duration = .seconds(7 * 24 * 3600)
    }
}
