import FluxqHost
package import FluxqImagesAPI
import FluxqModel
import Glibc

extension Configuration {
    static let keyVariable = "FLUXQ_API_KEY"
    /// The name that the vendor's examples use.
    static let vendorKeyVariable = "MODELVERSE_API_KEY"
    /// The file name in `$CREDENTIALS_DIRECTORY`; see `LoadCredential=` of the service.
    static let credentialName = "api-key"

    /// The key of every endpoint, by the endpoint's name.
    ///
    /// - Throws: all endpoints whose key is missing or invalid. No message ever contains any part of a key.
    package func apiKeys(environment: [String: String]) throws(ConfigurationError) -> [String: APIKey] {
        if endpoints.isEmpty { return [Lane.defaultEndpoint: try apiKey(environment: environment)] }
        var keys: [String: APIKey] = [:]
        var problems: [ConfigurationError.Problem] = []
        for endpoint in endpoints {
            do throws(ConfigurationError) {
                keys[endpoint.name] = try Self.key(of: endpoint, environment: environment)
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw ConfigurationError(problems) }
        return keys
    }

    /// The API key, from the first of these that is set: `api.key_file`, `FLUXQ_API_KEY`, `MODELVERSE_API_KEY`,
    /// systemd's credential. An empty variable counts as not set.
    ///
    /// - Throws: if the key is missing or invalid. No message ever contains any part of it.
    package func apiKey(environment: [String: String]) throws(ConfigurationError) -> APIKey {
        if let path = api.keyFile { return try Self.key(file: path, remedy: "Correct api.key_file or that file") }
        if let key = try Self.key(
            variables: [Self.keyVariable, Self.vendorKeyVariable], credential: Self.credentialName, environment)
        {
            return key
        }
        throw ConfigurationError(
            .nowhere,
            """
            There is no API key. Write it into a file that only fluxqd's user can read and name that file in \
            api.key_file, or set \(Self.keyVariable), or try fluxqd without a key: fluxqd --sandbox.
            """)
    }

    private static func key(
        of endpoint: Endpoint, environment: [String: String]
    ) throws(ConfigurationError) -> APIKey {
        let place = "key_file of the endpoint \(endpoint.name)"
        if let path = endpoint.keyFile { return try key(file: path, remedy: "Correct \(place), or that file") }
        let credential = "\(credentialName)-\(endpoint.name)"
        if let key = try key(variables: [endpoint.keyVariable], credential: credential, environment) { return key }
        throw ConfigurationError(
            .nowhere,
            """
            There is no API key for the endpoint \(endpoint.name). Write it into a file that only fluxqd's user can read \
            and name that file in \(place), or set \(endpoint.keyVariable), or have systemd load the credential \
            \(credential), or try fluxqd without a key: fluxqd --sandbox.
            """)
    }

    /// The key from the first variable that is set, otherwise from systemd's credential; nil if there is none.
    private static func key(
        variables: [String], credential: String, _ environment: [String: String]
    ) throws(ConfigurationError) -> APIKey? {
        for variable in variables {
            if let text = environment[variable], !text.isEmpty {
                return try parsed(text, at: .environment(variable), remedy: "Set \(variable) to the key alone")
            }
        }
        guard let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty else { return nil }
        let path = "\(directory)/\(credential)"
        guard Glibc.access(path, F_OK) == 0 else { return nil }
        return try key(file: path, remedy: "Correct what LoadCredential= of the service names")
    }

    private static func key(file path: String, remedy: String) throws(ConfigurationError) -> APIKey {
        let origin = ConfigurationError.Origin.file(path, line: nil)
        let bytes: [UInt8]
        do throws(SmallFile.ReadError) {
            bytes = try SmallFile.read(path, maxBytes: APIKey.longest)
        } catch {
            let what =
                switch error {
                case .system(let error): "The file with the API key cannot be read (\(error))."
                case .notRegular: "The file with the API key is not a regular file."
                case .tooLarge: "The file with the API key is larger than \(APIKey.longest) bytes."
                }
            throw ConfigurationError(origin, "\(what) \(remedy).")
        }
        return try parsed(String(decoding: bytes, as: UTF8.self), at: origin, remedy: remedy)
    }

    /// Editors add one newline at the end; any other character that a header cannot contain is an error.
    private static func parsed(
        _ text: String, at origin: ConfigurationError.Origin, remedy: String
    ) throws(ConfigurationError) -> APIKey {
        do throws(APIKey.Invalid) {
            // Swift treats CR LF as one Character.
            return try APIKey(text.last?.isNewline == true ? String(text.dropLast()) : text)
        } catch {
            throw ConfigurationError(origin, "\(error) \(remedy).")
        }
    }
}
