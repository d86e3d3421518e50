import FluxqTestSupport
import Foundation
import Testing

@testable import FluxqDaemon
@testable import FluxqImagesAPI

@Suite struct APIKeyTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func write(_ text: String, to name: String) throws -> String {
        try Data(text.utf8).write(to: URL(filePath: directory.path(name)))
        return directory.path(name)
    }

    private func message(_ configuration: Configuration, _ environment: [String: String] = [:]) -> String? {
        do {
            _ = try configuration.apiKey(environment: environment)
            return nil
        } catch { return error.description }
    }

    @Test("the key file comes first, then the two variables, then systemd's credential")
    func precedence() throws {
        var configuration = Configuration()
        configuration.api.keyFile = try write("from-file\n", to: "key")
        _ = try write("from-credential", to: "api-key")
        var environment = [
            "FLUXQ_API_KEY": "from-fluxq", "MODELVERSE_API_KEY": "from-vendor",
            "CREDENTIALS_DIRECTORY": directory.path,
        ]
        #expect(try configuration.apiKey(environment: environment).secret == "from-file")
        configuration.api.keyFile = nil
        #expect(try configuration.apiKey(environment: environment).secret == "from-fluxq")
        environment["FLUXQ_API_KEY"] = ""
        #expect(try configuration.apiKey(environment: environment).secret == "from-vendor")
        environment["MODELVERSE_API_KEY"] = nil
        #expect(try configuration.apiKey(environment: environment).secret == "from-credential")
    }

    @Test("one newline at the end is ignored", arguments: ["key", "key\n", "key\r\n"])
    func lineEnding(text: String) throws {
        var configuration = Configuration()
        configuration.api.keyFile = try write(text, to: "key")
        #expect(try configuration.apiKey(environment: [:]).secret == "key")
    }

    private static func invalid(at position: Int) -> String {
        "The API key is not one line of visible ASCII characters: character \(position) is a blank, a line break or no ASCII."
    }

    @Test(
        "an invalid key is refused, and no part of it is shown",
        arguments: [
            ("", "The API key is empty."), ("\n", "The API key is empty."),
            ("hunter2\n\n", invalid(at: 8)),
            ("hun ter2", invalid(at: 4)),
            ("hunter2\u{0}", invalid(at: 8)),
            ("hünter2", invalid(at: 2)),
            (String(repeating: "hunter2", count: 600), "The file with the API key is larger than 4096 bytes."),
        ])
    func refused(_ text: String, _ complaint: String) throws {
        var configuration = Configuration()
        let path = try write(text, to: "key")
        configuration.api.keyFile = path
        #expect(message(configuration) == "\(path): \(complaint) Correct api.key_file or that file.")
    }

    @Test("a key file that is missing or a directory is named, with the remedy")
    func unreadable() throws {
        var configuration = Configuration()
        configuration.api.keyFile = directory.path("none")
        #expect(
            message(configuration, ["FLUXQ_API_KEY": "other"])
                == "\(directory.path)/none: The file with the API key cannot be read (open: No such file or "
                + "directory). "
                + "Correct api.key_file or that file.")
        configuration.api.keyFile = directory.path
        #expect(
            message(configuration)
                == "\(directory.path): The file with the API key is not a regular file. Correct api.key_file "
                + "or that file."
        )
    }

    @Test("without any key the message names every way to give one")
    func none() {
        #expect(
            message(Configuration(), ["CREDENTIALS_DIRECTORY": directory.path])
                == "There is no API key. Write it into a file that only fluxqd's user can read and name that file in "
                + "api.key_file, or set FLUXQ_API_KEY, or try fluxqd without a key: fluxqd --sandbox.")
    }

    private func endpoints(_ names: String..., keyFile: String? = nil) -> Configuration {
        var configuration = Configuration()
        configuration.endpoints = names.map {
            .init(name: $0, baseURL: "https://h/v1", keyFile: keyFile, models: ["m"])
        }
        return configuration
    }

    @Test("each endpoint has a key of its own: its file, else its variable, else systemd's credential of its name")
    func endpointKeys() throws {
        _ = try write("from-credential\n", to: "api-key-c")
        var configuration = endpoints("a", "b-2", "c")
        configuration.endpoints[0].keyFile = try write("from-file", to: "key")
        let keys = try configuration.apiKeys(environment: [
            "FLUXQ_ENDPOINTS_A_KEY": "unused", "FLUXQ_ENDPOINTS_B_2_KEY": "from-variable", "FLUXQ_ENDPOINTS_C_KEY": "",
            "MODELVERSE_API_KEY": "unused", "CREDENTIALS_DIRECTORY": directory.path,
        ])
        #expect(keys.mapValues(\.secret) == ["a": "from-file", "b-2": "from-variable", "c": "from-credential"])
        #expect(
            try Configuration().apiKeys(environment: ["FLUXQ_API_KEY": "k"]).mapValues(\.secret) == ["default": "k"])
    }

    @Test("every endpoint without a key is named, with where to put it")
    func missingEndpointKeys() throws {
        var configuration = endpoints("a-b", "c", "d")
        configuration.endpoints[1].keyFile = directory.path("none")
        do {
            _ = try configuration.apiKeys(environment: ["FLUXQ_ENDPOINTS_D_KEY": "hunter2 "])
            Issue.record("accepted")
        } catch {
            #expect(
                Set(error.description.split(separator: "\n").map(String.init)) == [
                    "There is no API key for the endpoint a-b. Write it into a file that only fluxqd's user can read and "
                        + "name that file in key_file of the endpoint a-b, or set FLUXQ_ENDPOINTS_A_B_KEY, or have systemd "
                        + "load the credential api-key-a-b, or try fluxqd without a key: fluxqd --sandbox.",
                    "\(directory.path)/none: The file with the API key cannot be read (open: No such file or directory). "
                        + "Correct key_file of the endpoint c, or that file.",
                    "$FLUXQ_ENDPOINTS_D_KEY: \(Self.invalid(at: 8)) Set FLUXQ_ENDPOINTS_D_KEY to the key alone.",
                ])
        }
    }

    @Test("no description of a configuration or of an error holds the key")
    func redaction() throws {
        let fixture = try ConfigurationFixture()
        let environment = ["FLUXQ_API_KEY": "hunter2", "FLUXQ_API_KEYS": "hunter2"]
        #expect(!"\(try fixture.load(nil, environment: ["FLUXQ_API_KEY": "hunter2"]))".contains("hunter2"))
        #expect(
            !(try fixture.complaints("api:\n  key: hunter2\n", environment: environment)).joined().contains("hunter2"))
        #expect(message(Configuration(), ["FLUXQ_API_KEY": "hunter2 "])?.contains("hunter2") == false)
    }
}
