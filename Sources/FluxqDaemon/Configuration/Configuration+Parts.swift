import FluxqControlServer
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqWorkers

// The settings of each part of the daemon, at the start and at every reload.
extension Configuration {
    var storePolicy: StorePolicy {
        var policy = StorePolicy()
        policy.maxAttempts = workers.maxAttempts
        policy.limits = limits
        func days(_ count: Int?) -> Duration? { count.map { .seconds($0 * 86_400) } }
        policy.retention = FluxqStore.Retention(
            done: days(retention.doneDays), failed: days(retention.failedDays), canceled: days(retention.canceledDays))
        policy.prices = modelPrices
        policy.catalog = catalog
        return policy
    }

    private var modelPrices: [String: StorePolicy.Price] {
        prices.microsPerImage.mapValues { .init(micros: $0, currency: prices.currency) }
    }

    var controlSettings: ControlServer.Settings {
        ControlServer.Settings(
            catalog: catalog, prices: modelPrices, maxInputBytes: inputs.maxBytes,
            allowsPrivateLinks: inputs.privateLinks == .allow,
            administrators: Administrators(users: access.admins, group: access.adminGroup),
            admitsUnknownUsers: access.unknownUsers == .allow)
    }

    /// Warnings for administrators about a configuration that is valid.
    var warnings: [String] {
        endpoints.isEmpty
            ? [Self.warning(of: api.baseURL, "api.base_url")].compactMap(\.self)
            : endpoints.compactMap { Self.warning(of: $0.baseURL, "endpoints.\($0.name).base_url") }
    }

    private static func warning(of url: BaseURL, _ key: String) -> String? {
        guard url.isPlainHTTP else { return nil }
        return
            "\(key) is plain http to a port of this host. The program that listens there gets the API key; while "
            + "the server is stopped, any user can listen there. Better: https, or a socket in a directory that "
            + "only root can write (\(BaseURL.socketExample))."
    }

    var workerSettings: FluxqWorkers.Workers.Settings {
        var settings = FluxqWorkers.Workers.Settings()
        settings.drain = workers.drain
        settings.maxPictureBytes = downloads.maxBytes
        return settings
    }

    var callTerms: ImagesClient.Terms {
        ImagesClient.Terms(
            timeout: api.timeout, unbilledStatuses: api.unbilledStatuses,
            downloads: .init(trustedHosts: Set(downloads.trustedHosts), maxBytes: downloads.maxBytes))
    }
}
