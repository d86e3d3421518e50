import Testing

@testable import FluxqFormats
