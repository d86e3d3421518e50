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
        policy.catalog = ModelCatalog(
            endpoints: [
                .init(
                    name: Lane.defaultEndpoint, models: [], concurrency: workers.concurrency,
                    ratePerMinute: workers.ratePerMinute)
            ], defaultModel: api.model)
        policy.prices = prices.microsPerImage.mapValues { .init(micros: $0, currency: prices.currency) }
        return policy
    }

    var controlSettings: ControlServer.Settings {
        ControlServer.Settings(
            defaultModel: api.model, maxInputBytes: inputs.maxBytes,
            administrators: Administrators(users: access.admins, group: access.adminGroup))
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
