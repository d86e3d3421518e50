import FluxqModel

extension ImagesClient {
    package struct Configuration: Sendable {
        package var baseURL: BaseURL
        package var apiKey: APIKey
        /// The keys of other endpoints. They are never sent, and are hidden like its own in all texts from the API.
        package var otherKeys: [APIKey]
        /// nil for no proxy.
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

        /// An HTTP proxy that accepts CONNECT, for calls and downloads.
        package struct Proxy: Hashable, Sendable {
            /// An IPv6 address without its brackets.
            package var host: String
            package var port: Int

            package init(host: String, port: Int) {
                self.host = host
                self.port = port
            }

            package var address: HostAndPort { HostAndPort(host: host, port: port) }
            /// The text that follows a host in a message.
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
            /// `downloads.trusted_hosts`: hosts that may be plain http or private. Without a port, a host is trusted on
            /// every port.
            package var trustedHosts: Set<HostAndPort>
            /// `downloads.max_bytes`: the limit for one picture, from a link or inline in the answer.
            package var maxBytes: Int64
            /// The time limit of one download with all its redirects.
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

    /// Settings that may change between two calls.
    package struct Terms: Sendable {
        /// `api.timeout_seconds`: the time limit of one call, from its first byte to the answer's last.
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
        /// The time limit for name, connection and TLS of both kinds of request.
        static let connect = Duration.seconds(10)
        /// A download that receives nothing for this long is ended.
        static let downloadIdle = Duration.seconds(60)
        static let redirects = 2
        /// The shortest pause between two checks whether a call that waits for room on this host has used up its time.
        static let shortestPause = Duration.milliseconds(100)
        /// The number of addresses of one host that are tried: more than any real host has.
        static let addresses = 32
    }
}
