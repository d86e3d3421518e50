import Testing

@testable import FluxqControlServer
