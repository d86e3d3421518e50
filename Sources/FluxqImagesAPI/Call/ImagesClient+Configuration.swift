import FluxqModel

extension ImagesClient {
    package struct Configuration: Sendable {
        package var baseURL: BaseURL
        package var apiKey: APIKey
        /// Those of other endpoints: never sent, and hidden like its own in whatever the API says.
        package var otherKeys: [APIKey]
        /// Nil for none.
        package var proxy: Proxy?
        package var terms: Terms

        package init(
            baseURL: BaseURL, apiKey: APIKey, otherKeys: [APIKey] = [], proxy: Proxy? = nil, terms: Terms
        ) {
            self.baseURL = baseURL
            self.apiKey = apiKey
            self.otherKeys = otherKeys
            self.proxy = proxy
            self.terms = terms
        }

        /// An HTTP proxy that takes CONNECT, for calls and downloads.
        package struct Proxy: Hashable, Sendable {
            /// An IPv6 address without its brackets.
            package var host: String
            package var port: Int

            package init(host: String, port: Int) {
                self.host = host
                self.port = port
            }

            package var address: HostAndPort { HostAndPort(host: host, port: port) }
            /// What follows a host in a message.
            var words: String { " through the proxy \(address)" }
        }

        package init(
            baseURL: BaseURL, apiKey: APIKey, timeout: Duration = .seconds(300),
            unbilledStatuses: Set<Int> = [500, 503],
            downloads: Downloads = .init(), otherKeys: [APIKey] = [], proxy: Proxy? = nil
        ) {
            self.init(
                baseURL: baseURL, apiKey: apiKey, otherKeys: otherKeys, proxy: proxy,
                terms: Terms(timeout: timeout, unbilledStatuses: unbilledStatuses, downloads: downloads))
        }

        package struct Downloads: Sendable {
            /// `downloads.trusted_hosts`: those that may be plain http or private; without a port, on every port.
            package var trustedHosts: Set<HostAndPort>
            /// `downloads.max_bytes`: of one picture, whether it comes by a link or inside of the answer.
            package var maxBytes: Int64
            /// One download with all its redirects.
            package var timeout: Duration

            package init(
                trustedHosts: Set<HostAndPort> = [], maxBytes: Int64 = 64 << 20, timeout: Duration = .seconds(300)
            ) {
                self.trustedHosts = trustedHosts
                self.maxBytes = maxBytes
                self.timeout = timeout
            }
        }
    }

    /// What may change between two calls.
    package struct Terms: Sendable {
        /// `api.timeout_seconds`: one call, from its first byte to the answer's last.
        package var timeout: Duration
        /// `api.unbilled_statuses`.
        package var unbilledStatuses: Set<Int>
        package var downloads: Configuration.Downloads

        package init(timeout: Duration, unbilledStatuses: Set<Int>, downloads: Configuration.Downloads) {
            self.timeout = timeout
            self.unbilledStatuses = unbilledStatuses
            self.downloads = downloads
        }
    }

    enum Limits {
        /// Name, connection and TLS of either kind of request.
        static let connect = Duration.seconds(10)
        /// A download during which nothing comes for this long is over.
        static let downloadIdle = Duration.seconds(60)
        static let redirects = 2
        /// Between two looks at whether a call that waits for room on this host has had its time.
        static let shortestPause = Duration.milliseconds(100)
        /// How many addresses of one host are tried: more than any real one has.
        static let addresses = 32
    }
}
