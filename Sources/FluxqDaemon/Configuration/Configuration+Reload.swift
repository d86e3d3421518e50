import FluxqModel

extension Configuration {
    /// What a running daemon takes on of a configuration that was read again.
    ///
    /// - Returns: this configuration with all of `next` that can change now; the keys of what changes now; and the keys of
    ///   what needs a restart, which stay as they are, so that the next reload names them again.
    func takingOn(_ next: Configuration) -> (taken: Configuration, changed: [String], late: [String]) {
        var taken = next
        var late = Setting.all.flatMap { $0.keep(self, &taken) }
        if endpoints.isEmpty != next.endpoints.isEmpty {
            // The default model and the models' rules belong to the endpoints that come with the restart.
            taken.api.model = api.model
            taken.models = models
        } else if !taken.catalog.models.contains(taken.api.model) {
            // An endpoint that comes with the restart offers it.
            taken.api.model = taken.catalog.models.contains(api.model) ? api.model : taken.usualModel
            late.append("api.model")
        }
        return (taken, Setting.all.filter { $0.differs(self, taken) }.map(\.name), late)
    }
}

extension [Configuration.Endpoint] {
    /// Leaves a running daemon's connections as they are: which endpoints there are, and their addresses and keys.
    ///
    /// - Parameter next: gets back what cannot change now.
    /// - Returns: the keys of that.
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
