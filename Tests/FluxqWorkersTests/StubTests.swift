import Testing

@testable import FluxqWorkers
