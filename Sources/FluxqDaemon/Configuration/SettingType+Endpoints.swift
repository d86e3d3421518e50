import FluxqImagesAPI
import FluxqModel
import FoundationEssentials

extension SettingType<[Configuration.Endpoint]> {
    /// `NAME:` with the keys of an endpoint; only in the file.
    static var endpoints: SettingType {
        SettingType(
            shape: .nested,
            read: { node throws(SettingRejection) in
                var variables: Set<String> = []
                return try node.readEach("a group of endpoints, each with its keys") {
                    entry throws(SettingRejection) -> Configuration.Endpoint in
                    let endpoint = try Configuration.Endpoint(entry)
                    guard variables.insert(endpoint.keyVariable).inserted else {
                        throw entry.value.rejection(
                            "has a name that another endpoint has too, but for -, _ and the size of letters. Rename one"
                        )
                    }
                    return endpoint
                }
            },
            write: { _ in nil })
    }
}

extension Configuration.Endpoint {
    private static let keys = [
        "base_url", "key_file", "concurrency", "rate_per_minute", "proxy", "models",
    ]
    private static let longestName = 64

    /// The variable that holds the endpoint's key if no file is named.
    var keyVariable: String { Self.keyVariable(of: name) }

    static func keyVariable(of name: String) -> String {
        Setting.environmentPrefix + "ENDPOINTS_\(name.uppercased().replacing("-", with: "_"))_KEY"
    }

    fileprivate init(_ entry: SettingNode.Entry) throws(SettingRejection) {
        var reader = try GroupReader(entry.value, keys: Self.keys, of: "an endpoint")
        if !Self.isName(entry.name) {
            reader.reject(
                "has a name that no endpoint can have. Use letters, digits, - and _, at most \(Self.longestName), such as "
                    + "umodelverse")
        }
        let baseURL = reader.read("base_url", .baseURL)
        let keyFile = reader.read("key_file", .absolutePath)
        let concurrency = reader.read("concurrency", .whole(1...64))
        let ratePerMinute = reader.read("rate_per_minute", .whole(1...6000))
        let proxy = reader.read("proxy", .proxy)
        let models = reader.read("models", .models)
        if !reader.has("base_url") {
            reader.reject("has no base_url. Give it one, such as base_url: \(Configuration.API().baseURL)")
        }
        if !reader.has("models") {
            reader.reject("has no models. List those that it offers, such as models: [gpt-image-1]")
        }
        if let baseURL, let proxy, baseURL.isPlainHTTP, !proxy.address.isLoopback {
            reader.reject(
                "leads away from this host, and base_url is plain http, which would show the API key and the pictures to "
                    + "the network. Remove it, or use https", of: "proxy")
        }
        try reader.finish()
        guard let baseURL, let models else { throw entry.value.rejection("is not complete") }
        self.init(
            name: entry.name, baseURL: baseURL, keyFile: keyFile ?? nil, concurrency: concurrency,
            ratePerMinute: ratePerMinute, proxy: proxy, models: models)
    }

    /// The name appears in messages, in the name of a variable and in the name of a credential.
    private static func isName(_ text: String) -> Bool {
        (1...longestName).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension SettingType<ImagesClient.Configuration.Proxy> {
    /// Messages never repeat the value, because it may contain a password.
    static var proxy: SettingType {
        let expectation = "the address of an HTTP proxy with its port, such as http://proxy.example:3128"
        return SettingType(
            read: { node throws(SettingRejection) in
                let text = try node.word(expectation)
                guard text.lowercased().hasPrefix("http://") else { throw node.rejection("must be \(expectation)") }
                let rest = text.dropFirst("http://".count)
                if rest.contains("@") {
                    throw node.rejection("must not hold a user name or password: fluxqd gives a proxy none")
                }
                let authority = rest.hasSuffix("/") ? rest.dropLast() : rest
                guard let address = HostAndPort(String(authority)), let port = address.port else {
                    throw node.rejection("must be \(expectation)")
                }
                return ImagesClient.Configuration.Proxy(host: address.host, port: port)
            }, write: { "http://\($0.address)" })
    }
}

extension SettingType<[String]> {
    /// The models that an endpoint offers.
    fileprivate static var models: SettingType {
        SettingType<[String]>.list(
            of: .modelName, "a list of models, such as [gpt-image-1]", make: { $0 }, elements: { $0 }
        ).nonEmpty("is empty. List the models that the endpoint offers, or remove the endpoint").once
    }

    /// The same type, but rejects repeated elements.
    var once: SettingType {
        SettingType(
            shape: shape,
            read: { [read] node throws(SettingRejection) in
                let values = try read(node)
                var seen: Set<String> = []
                for value in values where !seen.insert(value).inserted {
                    throw node.rejection("names \(value.quoted) twice. Keep one")
                }
                return values
            }, write: write)
    }

    private func nonEmpty(_ complaint: String) -> SettingType {
        SettingType(
            shape: shape,
            read: { [read] node throws(SettingRejection) in
                let values = try read(node)
                if values.isEmpty { throw node.rejection(complaint) }
                return values
            }, write: write)
    }
}
