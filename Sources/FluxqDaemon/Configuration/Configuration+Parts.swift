import FluxqControlServer
import FluxqImagesAPI
import FluxqModel
import FluxqStore
import FluxqWorkers

// What each part of the daemon needs to know of the configuration, at the start and at every reload.
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

    /// What administrators should know of a configuration that is allowed.
    var warnings: [String] {
        endpoints.isEmpty
            ? [BaseURL.warning(about: api.baseURL, "api.base_url")].compactMap(\.self)
            : endpoints.compactMap { BaseURL.warning(about: $0.baseURL, "endpoints.\($0.name).base_url") }
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
            downloads: .init(trustedHosts: downloads.trustedHosts, maxBytes: downloads.maxBytes))
    }
}
