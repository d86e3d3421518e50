package import FluxqImagesAPI
package import FluxqModel

/// What an administrator can set. A new one holds every default; `load(file:environment:)` reads the rest.
///
/// The API key is not in here, so that printing a configuration never prints it: see `apiKey(environment:)`.
package struct Configuration: Hashable, Sendable {
    package var api = API()
    /// In the order of the file. Empty if `api` says what is called: see `everyEndpoint`.
    package var endpoints: [Endpoint] = []
    /// What differs from the usual, by model.
    package var models: [String: Model] = [:]
    package var workers = Workers()
    package var downloads = Downloads()
    package var inputs = Inputs()
    /// Of each user, in `FluxqStore`'s units.
    package var limits = Configuration.standardLimits
    package var retention = Retention()
    package var access = Access()
    package var prices = Prices()
    package var sandbox = Sandbox()

    package init() {}

    /// Of what jobs hold in the database there is always a limit: without one, a single user can fill the disk with jobs that
    /// cost nothing. So there is of retries: a job that the API refuses for nothing could be sent again and again without end, and
    /// each time adds to the ledger. Nobody who retries what has failed, be it a batch of thousands, meets that one.
    private static let standardLimits: LimitRules = {
        var limits = LimitRules()
        limits.standard[.retriesPerDay] = 10_000
        limits.standard[.keptBytes] = 256 << 20
        return limits
    }()

    package struct API: Hashable, Sendable {
        package var baseURL = BaseURL.umodelverse
        /// An absolute path; nil leaves the key to the environment.
        package var keyFile: String?
        /// Of a request that names none; always one that is offered.
        package var model = EditRequest.modelThatRequiresImage
        /// One call, from its first byte to the answer's last.
        package var timeout: Duration = .seconds(300)
        /// Statuses whose answers the administrator takes as not billed.
        package var unbilledStatuses: Set<Int> = [500, 503]
    }

    /// One API that is called, with its own key.
    package struct Endpoint: Hashable, Sendable {
        package var name: String
        package var baseURL: BaseURL
        /// An absolute path; nil leaves the key to the environment.
        package var keyFile: String?
        /// Calls in flight at most; nil for `workers.concurrency`.
        package var concurrency: Int?
        /// Calls begun a minute at most; nil for `workers.ratePerMinute`.
        package var ratePerMinute: Int?
        package var proxy: ImagesClient.Configuration.Proxy?
        /// Never empty; each once.
        package var models: [String]
    }

    /// What requests to a model may have. Nil and empty leave what is usual.
    package struct Model: Hashable, Sendable {
        package var requiresImage: Bool?
        /// Names of `EditRequest.CodingKeys`.
        package var omit: Set<String> = []
        /// In the order of the file.
        package var parameters: [String] = []
    }

    package struct Workers: Hashable, Sendable {
        /// Calls in flight at most, at each endpoint.
        package var concurrency = 4
        /// Calls begun a minute at most, at each endpoint; nil for as many as `concurrency` allows.
        package var ratePerMinute: Int?
        /// How long SIGTERM waits for calls in flight.
        package var drain: Duration = .seconds(100)
        /// Maximum attempts per job that are known not to have been billed.
        package var maxAttempts = 5
    }

    package struct Downloads: Hashable, Sendable {
        /// Those that may be plain http or private; without a port, on every port.
        package var trustedHosts: [HostAndPort] = []
        package var maxBytes: Int64 = 64 << 20
    }

    package struct Inputs: Hashable, Sendable {
        package var maxBytes: Int64 = 20 << 20
        /// Of links in a picture's place that lead to what is not of the public Internet.
        package var privateLinks = Admission.refuse
    }

    /// How many days ended jobs stay; nil for ever.
    package struct Retention: Hashable, Sendable {
        package var doneDays: Int?
        package var failedDays: Int?
        package var canceledDays: Int?
    }

    /// Who sees and manages everything, besides root and fluxqd's own user.
    package struct Access: Hashable, Sendable {
        /// Users by number.
        package var admins: Set<UInt32> = []
        /// A group by number; nil for none.
        package var adminGroup: UInt32?
        /// Of peers whose number this host's user database does not know.
        package var unknownUsers = Admission.refuse
    }

    /// What is done with something that is dangerous on some hosts and needed on others.
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
        /// How long the stand-in takes for one call.
        package var latency: Duration = .seconds(2)
        /// How long the links of its answers live; the vendor's live seven days.
        package var linkLifetime: Duration = .seconds(7 * 24 * 3600)
    }
}
