import FluxqModel
import Glibc

extension Configuration {
    /// Read if no other file is named and this one exists.
    package static let standardFile = "/etc/fluxq/fluxqd.yaml"

    /// Loads the file; environment variables override its keys one by one.
    ///
    /// - Parameters:
    ///   - file: `--config`; must exist if given.
    ///   - standardFile: read if `file` is nil and this file exists.
    /// - Throws: all errors of both at once.
    package static func load(
        file: String?, environment: [String: String], standardFile: String = Self.standardFile
    ) throws(ConfigurationError) -> Configuration {
        var reader = Reader()
        if let path = file ?? (Glibc.access(standardFile, F_OK) == 0 ? standardFile : nil) {
            do throws(ConfigurationError) {
                reader.take(try ConfigurationFile.read(path))
            } catch {
                reader.problems += error.problems
            }
        }
        reader.take(environment)
        reader.checkOneWay(environment)
        if reader.problems.isEmpty { reader.checkModels() }
        if reader.problems.isEmpty { reader.checkPrices() }
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return reader.configuration
    }
}

/// Checks the written values against the table of settings, and collects the errors.
private struct Reader {
    private static let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.name, $0) })
    private static let groups = Set(Setting.all.map { $0.name.prefix { $0 != "." } })

    var configuration = Configuration()
    var problems: [ConfigurationError.Problem] = []
    /// The value written for each setting; the environment's overrides the file's.
    private var written: [String: SettingNode] = [:]

    mutating func take(_ entries: [SettingNode.Entry]) {
        for entry in entries {
            guard Self.groups.contains(entry.name[...]) else {
                reject(unknown: entry.name, at: entry.value.origin)
                continue
            }
            switch entry.value.content {
            case .mapping(let members): take(members, of: entry.name, at: entry.value.origin)
            case .nothing: break
            case .text, .list:
                reject(entry.value.origin, "\(entry.name) must be a group: write its keys below it, indented.")
            }
        }
    }

    private mutating func take(
        _ members: [SettingNode.Entry], of group: String, at origin: ConfigurationError.Origin
    ) {
        var others: [SettingNode.Entry] = []
        for member in members {
            let name = "\(group).\(member.name)"
            if let setting = Self.settings[name] {
                apply(setting, member.value)
            } else if Self.settings[group] != nil {
                others.append(member)
            } else {
                reject(unknown: name, at: member.value.origin)
            }
        }
        if let setting = Self.settings[group], !others.isEmpty {
            apply(setting, SettingNode(origin: origin, content: .mapping(others)))
        }
    }

    mutating func take(_ environment: [String: String]) {
        let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.environmentVariable, $0) })
        for (name, text) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(Setting.environmentPrefix) && !Setting.otherEnvironmentVariables.contains(name) {
            let origin = ConfigurationError.Origin.environment(name)
            if Self.isOfEndpoint(name) {
                checkKeyVariable(name)
            } else if let setting = settings[name], setting.shape == .nested {
                reject(
                    origin,
                    "\(setting.name) can be set only in the configuration file. Unset the variable.")
            } else if let setting = settings[name] {
                apply(setting, SettingNode(variable: name, text: text, shape: setting.shape))
            } else {
                let known = settings.keys.sorted() + Setting.otherEnvironmentVariables.sorted()
                reject(
                    origin,
                    NearestName.of(name, among: known).map { "fluxqd knows no such variable. Did you mean \($0)?" }
                        ?? "fluxqd knows no such variable. Unset it, or correct its name.")
            }
        }
    }

    private static func isOfEndpoint(_ variable: String) -> Bool {
        variable.hasPrefix(Setting.environmentVariable("endpoints") + "_")
    }

    /// The environment may hold an endpoint's key, and nothing else of an endpoint.
    private mutating func checkKeyVariable(_ name: String) {
        let known = endpointNames.map(Configuration.Endpoint.keyVariable(of:))
        if known.contains(name) { return }
        let remedy =
            (name.hasSuffix("_KEY") ? NearestName.of(name, among: known) : nil).map { "Did you mean \($0)?" }
            ?? "Endpoints can be set only in the configuration file; a variable can only hold an endpoint's key. "
            + "Unset it, or correct its name."
        reject(.environment(name), "fluxqd knows no such variable. \(remedy)")
    }

    /// The endpoint names as written, even if their settings are invalid.
    private var endpointNames: [String] {
        guard case .mapping(let entries) = written["endpoints"]?.content else { return [] }
        return entries.map(\.name)
    }

    /// Either `api` or `endpoints` names the API. With both it would be unclear which key belongs to which.
    mutating func checkOneWay(_ environment: [String: String]) {
        guard !endpointNames.isEmpty else { return }
        for (key, leaf) in [("api.base_url", "base_url"), ("api.key_file", "key_file")] {
            guard let node = written[key] else { continue }
            reject(
                node.origin,
                "\(key) and endpoints cannot both be given. Make it the \(leaf) of one of the endpoints, or remove endpoints."
            )
        }
        if environment[Configuration.keyVariable]?.isEmpty == false {
            let names = endpointNames.map(Configuration.Endpoint.keyVariable(of:)).joined(separator: ", ")
            reject(
                .environment(Configuration.keyVariable),
                "A key for api.base_url and endpoints cannot both be given. Put it into \(names), or remove endpoints.")
        }
    }

    /// Rejects model names that no endpoint offers: they are typing errors.
    mutating func checkModels() {
        guard !configuration.endpoints.isEmpty else { return }
        let offered = configuration.endpoints.flatMap(\.models)
        func remedy(_ name: String) -> String {
            NearestName.of(name, among: offered).map { "Did you mean \($0)?" }
                ?? "Offered are \(Set(offered).sorted().joined(separator: ", "))."
        }
        if let node = written["api.model"] {
            let model = configuration.api.model
            if !offered.contains(model) {
                reject(node.origin, "api.model is \(model.quoted), which no endpoint offers. \(remedy(model))")
            }
        } else {
            configuration.api.model = configuration.usualModel
        }
        if case .mapping(let entries) = written["models"]?.content {
            for entry in entries where !offered.contains(entry.name) {
                reject(
                    entry.value.origin, "models of \(entry.name.quoted): no endpoint offers it. \(remedy(entry.name))")
            }
        }
    }

    /// Spending is counted by prices: without a price, a spending limit would limit nothing or everything.
    mutating func checkPrices() {
        let limits = configuration.limits
        let exceptions = Array(limits.users.values) + Array(limits.groups.values)
        let model = configuration.api.model
        let limited = [LimitKind.spendPerDay, .spendPerMonth].first { kind in
            limits.standard[kind] != nil || exceptions.contains { $0[kind].flatMap(\.self) != nil }
        }
        guard let limited, configuration.prices.microsPerImage[model] == nil else { return }
        reject(
            .nowhere,
            "limits.\(limited.rawValue) needs the price of \(model) to count with. Add it below \"prices:\", or remove the limit."
        )
    }

    private mutating func apply(_ setting: Setting, _ node: SettingNode) {
        written[setting.name] = node
        do throws(SettingRejection) {
            try setting.apply(node, &configuration)
        } catch {
            problems += error.reasons.map {
                .init(origin: $0.origin, text: "\(setting.name) \($0.text).", isPassing: $0.isPassing)
            }
        }
    }

    private mutating func reject(unknown name: String, at origin: ConfigurationError.Origin) {
        let group = name.prefix { $0 != "." }
        if let setting = Self.settings[name], !setting.leaf.isEmpty {
            reject(origin, "\(name) must be written as \"\(setting.leaf):\", indented, below \"\(setting.group):\".")
        } else {
            let siblings = Setting.all.filter { $0.group == group && !$0.leaf.isEmpty }.map(\.leaf)
            let remedy =
                if let near = NearestName.of(
                    name, among: Setting.all.map(\.name) + Self.groups.map(String.init).sorted())
                {
                    "Did you mean \(near)?"
                } else if !siblings.isEmpty {
                    "The keys of \(group) are \(siblings.joined(separator: ", "))."
                } else {
                    "The groups are \(Self.groups.sorted().joined(separator: ", "))."
                }
            reject(origin, "\(name.isEmpty ? "A key that is no plain word" : name) is not a key of fluxqd. \(remedy)")
        }
    }

    private mutating func reject(_ origin: ConfigurationError.Origin, _ text: String) {
        problems.append(.init(origin: origin, text: text))
    }
}
