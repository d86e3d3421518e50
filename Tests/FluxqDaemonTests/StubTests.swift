import Testing

@testable import FluxqDaemon
