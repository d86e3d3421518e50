import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon

/// Loads configurations from files of its own directory; nothing of the host is read.
struct ConfigurationFixture {
    let directory: TemporaryDirectory
    var file: String { directory.path("fluxqd.yaml") }

    init() throws {
        directory = try TemporaryDirectory()
    }

    func load(_ yaml: String?, environment: [String: String] = [:]) throws -> Configuration {
        if let yaml { try Data(yaml.utf8).write(to: URL(filePath: file)) }
        return try Configuration.load(
            file: yaml == nil ? nil : file, environment: environment, standardFile: directory.path("no-such-file"))
    }

    /// The lines of the message, with `FILE` for the file's path.
    func complaints(_ yaml: String?, environment: [String: String] = [:]) throws -> [String] {
        do {
            let configuration = try load(yaml, environment: environment)
            Issue.record("accepted as \(configuration)")
            return []
        } catch let error as ConfigurationError {
            return error.description.replacing(file, with: "FILE").split(separator: "\n").map(String.init)
        }
    }
}
