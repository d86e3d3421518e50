import Testing

@testable import FluxqCommands
