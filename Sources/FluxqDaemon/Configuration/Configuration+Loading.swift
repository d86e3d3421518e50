import FluxqModel
import Glibc

extension Configuration {
    /// Read where no other file is named and this one exists.
    package static let standardFile = "/etc/fluxq/fluxqd.yaml"

    /// The file, overridden key by key by the environment.
    ///
    /// - Parameters:
    ///   - file: `--config`; must exist where given.
    ///   - standardFile: read where `file` is nil, if it exists.
    /// - Throws: everything that is wrong with both, at once.
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
        if reader.problems.isEmpty { reader.checkPrices() }
        guard reader.problems.isEmpty else { throw ConfigurationError(reader.problems) }
        return reader.configuration
    }
}

/// Holds what was written against the table of settings, and collects what does not fit.
private struct Reader {
    private static let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.name, $0) })
    private static let groups = Set(Setting.all.map { $0.name.prefix { $0 != "." } })

    var configuration = Configuration()
    var problems: [ConfigurationError.Problem] = []

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
            if let setting = settings[name], setting.shape == .nested {
                reject(
                    origin,
                    "\(setting.name) can be written in the configuration file alone. Unset the variable.")
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

    /// Money is counted by the prices: without one, a limit of it would limit nothing or everything.
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
        do throws(SettingRejection) {
            try setting.apply(node, &configuration)
        } catch {
            for reason in error.reasons { reject(reason.origin, "\(setting.name) \(reason.text).") }
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
