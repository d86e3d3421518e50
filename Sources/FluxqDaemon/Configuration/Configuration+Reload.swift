import FluxqModel

extension Configuration {
    /// Combines this configuration with a newly read one, as far as a running daemon can apply it.
    ///
    /// - Returns: this configuration with everything of `next` that can change now; the keys that change now; and the
    ///   keys that need a restart. The latter keep their values, so that the next reload names them again.
    func takingOn(_ next: Configuration) -> (taken: Configuration, changed: [String], late: [String]) {
        var taken = next
        var late = Setting.all.flatMap { $0.keep(self, &taken) }
        if endpoints.isEmpty != next.endpoints.isEmpty {
            // The default model and the models' rules belong to endpoints that the restart brings.
            taken.api.model = api.model
            taken.models = models
        } else if !taken.catalog.models.contains(taken.api.model) {
            // Only an endpoint that the restart adds offers the new default model.
            taken.api.model = taken.catalog.models.contains(api.model) ? api.model : taken.usualModel
            late.append("api.model")
        }
        return (taken, Setting.all.filter { $0.differs(self, taken) }.map(\.name), late)
    }
}

extension [Configuration.Endpoint] {
    /// Keeps a running daemon's connections: the set of endpoints, and their addresses, keys and proxies.
    ///
    /// - Parameter next: values that cannot change now are set back in it.
    /// - Returns: the keys of these values.
    func keepConnections(in next: inout [Configuration.Endpoint]) -> [String] {
        guard isEmpty == next.isEmpty else {
            next = self
            return ["endpoints"]
        }
        var late: [String] = []
        var kept: [Configuration.Endpoint] = []
        for var endpoint in next {
            let name = "endpoints.\(endpoint.name)"
            guard let running = first(where: { $0.name == endpoint.name }) else {
                late.append(name)
                continue
            }
            if endpoint.baseURL != running.baseURL { late.append("\(name).base_url") }
            if endpoint.keyFile != running.keyFile { late.append("\(name).key_file") }
            if endpoint.proxy != running.proxy { late.append("\(name).proxy") }
            (endpoint.baseURL, endpoint.keyFile, endpoint.proxy) = (running.baseURL, running.keyFile, running.proxy)
            kept.append(endpoint)
        }
        for gone in self where !next.contains(where: { $0.name == gone.name }) {
            late.append("endpoints.\(gone.name)")
            kept.append(gone)
        }
        next = kept
        return late
    }
}
