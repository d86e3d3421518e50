import Testing

@testable import FluxqImagesAPI
