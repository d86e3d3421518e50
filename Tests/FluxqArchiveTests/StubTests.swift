import Testing

@testable import FluxqArchive
