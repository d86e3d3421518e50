import Testing

@testable import FluxqSandbox
