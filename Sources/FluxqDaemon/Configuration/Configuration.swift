package import FluxqModel

/// What an administrator can set. A new one holds every default; `load(file:environment:)` reads the rest.
///
/// The API key is not in here, so that printing a configuration never prints it: see `apiKey(environment:)`.
package struct Configuration: Hashable, Sendable {
    package var api = API()
    package var workers = Workers()
    package var downloads = Downloads()
    package var inputs = Inputs()
    /// Of each user, in `FluxqStore`'s units.
    package var limits = LimitRules()
    package var access = Access()
    package var prices = Prices()
    package var sandbox = Sandbox()

    package init() {}

    package struct API: Hashable, Sendable {
        /// An http or https URL without query and without a slash at its end.
        package var baseURL = "https://api.umodelverse.ai/v1"
        /// An absolute path; nil leaves the key to the environment.
        package var keyFile: String?
        /// Of a request that names none.
        package var model = EditRequest.modelThatRequiresImage
        /// One call, from its first byte to the answer's last.
        package var timeout: Duration = .seconds(300)
        /// Statuses whose answers the administrator takes as not billed.
        package var unbilledStatuses: Set<Int> = [500, 503]
    }

    package struct Workers: Hashable, Sendable {
        /// Calls in flight at most.
        package var concurrency = 4
        /// Calls begun a minute at most; nil for as many as `concurrency` allows.
        package var ratePerMinute: Int?
        /// How long SIGTERM waits for calls in flight.
        package var drain: Duration = .seconds(100)
        /// Attempts that are known not to have been billed.
        package var maxAttempts = 5
    }

    package struct Downloads: Hashable, Sendable {
        /// `host` or `host:port` in lower case, IPv6 in brackets: those that may be plain http or private.
        package var trustedHosts: [String] = []
        package var maxBytes: Int64 = 64 << 20
    }

    package struct Inputs: Hashable, Sendable {
        package var maxBytes: Int64 = 20 << 20
    }

    /// Who sees and manages everything, besides root and fluxqd's own user.
    package struct Access: Hashable, Sendable {
        /// Users by number.
        package var admins: Set<UInt32> = []
        /// A group by number; nil for none.
        package var adminGroup: UInt32?
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
