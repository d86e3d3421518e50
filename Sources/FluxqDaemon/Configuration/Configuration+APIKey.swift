import Glibc

extension Configuration {
    static let keyVariable = "FLUXQ_API_KEY"
    /// As the vendor's examples name it.
    static let vendorKeyVariable = "MODELVERSE_API_KEY"
    /// In `$CREDENTIALS_DIRECTORY`; see `LoadCredential=` of the service.
    static let credentialName = "api-key"
    private static let maxKeyBytes = 4096

    /// The API key: of `api.key_file`, else `FLUXQ_API_KEY`, else `MODELVERSE_API_KEY`, else systemd's credential.
    /// A variable that is empty counts as not set.
    ///
    /// - Throws: where there is none or it cannot be one. No message ever holds any part of it.
    package func apiKey(environment: [String: String]) throws(ConfigurationError) -> String {
        if let path = api.keyFile { return try Self.key(file: path, remedy: "Correct api.key_file or that file") }
        for variable in [Self.keyVariable, Self.vendorKeyVariable] {
            if let text = environment[variable], !text.isEmpty {
                return try Self.checked(text, at: .environment(variable), remedy: "Set \(variable) to the key alone")
            }
        }
        if let directory = environment["CREDENTIALS_DIRECTORY"], !directory.isEmpty {
            let path = "\(directory)/\(Self.credentialName)"
            if Glibc.access(path, F_OK) == 0 {
                return try Self.key(file: path, remedy: "Correct what LoadCredential= of the service names")
            }
        }
        throw ConfigurationError(
            .nowhere,
            """
            There is no API key. Write it into a file that only fluxqd's user can read and name that file in \
            api.key_file, or set \(Self.keyVariable), or try fluxqd without a key: fluxqd --sandbox.
            """)
    }

    private static func key(file path: String, remedy: String) throws(ConfigurationError) -> String {
        let origin = ConfigurationError.Origin.file(path, line: nil)
        let bytes: [UInt8]
        do throws(SmallFile.ReadError) {
            bytes = try SmallFile.read(path, maxBytes: maxKeyBytes)
        } catch {
            let what =
                switch error {
                case .system(let error): "The file with the API key cannot be read (\(error))."
                case .notRegular: "The file with the API key is not a regular file."
                case .tooLarge: "The file with the API key is larger than \(maxKeyBytes) bytes."
                }
            throw ConfigurationError(origin, "\(what) \(remedy).")
        }
        return try checked(String(decoding: bytes, as: UTF8.self), at: origin, remedy: remedy)
    }

    /// One newline at the end is the editor's; anything else that could not stand in a header is a mistake.
    private static func checked(
        _ text: String, at origin: ConfigurationError.Origin, remedy: String
    ) throws(ConfigurationError) -> String {
        // A carriage return and newline are one Character.
        let key = text.last?.isNewline == true ? String(text.dropLast()) : text
        if key.isEmpty { throw ConfigurationError(origin, "The API key is empty. \(remedy).") }
        guard key.utf8.count <= maxKeyBytes, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw ConfigurationError(
                origin, "The API key holds blanks, line breaks or other characters that no key has. \(remedy).")
        }
        return key
    }
}
