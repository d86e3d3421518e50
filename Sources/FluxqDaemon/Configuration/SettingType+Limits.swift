import FluxqHost
import FluxqModel

extension LimitRules {
    /// The exceptions for users and groups, as the configuration holds them.
    struct Exceptions: Hashable, Sendable {
        var users: [UInt32: Exception] = [:]
        var groups: [UInt32: Exception] = [:]
    }

    var exceptions: Exceptions {
        get { Exceptions(users: users, groups: groups) }
        set { (users, groups) = (newValue.users, newValue.groups) }
    }
}

extension SettingType<Int64?> {
    /// A limit in its kind's unit, or `none`.
    static func limit(_ kind: LimitKind) -> SettingType {
        switch kind.unit {
        case .count:
            limit("a whole number from 0 to 1000000", text: { "\($0)" }) { text in
                FixedPoint.parse(text, decimals: 0).flatMap { $0 <= 1_000_000 ? $0 : nil }
            }
        case .money:
            limit(
                "an amount of at most 1000000000 with at most six decimals, such as 5.00",
                text: { FixedPoint.text($0, decimals: 6) }
            ) { text in
                FixedPoint.parse(text, decimals: 6).flatMap { $0 <= 1_000_000_000_000_000 ? $0 : nil }
            }
        case .bytes:
            limit("a size from 0 to 1024 TiB, as a number of bytes or such as 64 MiB", text: ByteSize.text) { text in
                ByteSize.parse(text).flatMap { $0 <= 1 << 50 ? $0 : nil }
            }
        }
    }

    private static func limit(
        _ expectation: String, text: @escaping @Sendable (Int64) -> String,
        parse: @escaping @Sendable (String) -> Int64?
    ) -> SettingType {
        .one("\(expectation), or none", write: { $0.map(text) }) { word in
            word == "none" ? .some(nil) : parse(word).map { .some($0) }
        }
    }
}

extension SettingType<LimitRules.Exceptions> {
    /// `NAME:` or `"@GROUP":`, each with limit keys. Names are looked up here, so that an unknown name is reported with
    /// its line.
    static var limitExceptions: SettingType {
        SettingType(
            shape: .nested,
            read: { node throws(SettingRejection) in
                guard case .mapping(let entries) = node.content else {
                    throw node.rejection(
                        "must be a group of users and \"@groups\", each with its limits, but is \(node.kind)")
                }
                var exceptions = LimitRules.Exceptions()
                var reasons: [SettingRejection.Reason] = []
                for entry in entries {
                    do throws(SettingRejection) {
                        try exceptions.add(entry)
                    } catch {
                        reasons += error.reasons.map { $0.of("of \(entry.name.quoted)") }
                    }
                }
                guard reasons.isEmpty else { throw SettingRejection(reasons: reasons) }
                return exceptions
            },
            write: { _ in nil })
    }
}

extension LimitRules.Exceptions {
    fileprivate mutating func add(_ entry: SettingNode.Entry) throws(SettingRejection) {
        let node = entry.value
        let exception = try LimitRules.Exception(node)
        let name = SettingNode(origin: node.origin, content: .text(String(entry.name.drop { $0 == "@" })))
        let twice: Bool
        if entry.name.hasPrefix("@") {
            twice = groups.updateValue(exception, forKey: try SettingType<UInt32>.group.read(name)) != nil
        } else {
            twice = users.updateValue(exception, forKey: try SettingType<UInt32>.user.read(name)) != nil
        }
        if twice { throw node.rejection("is given twice, by name and by number. Keep one") }
    }
}

extension LimitRules.Exception {
    private static let keys = LimitKind.allCases.map(\.rawValue) + ["weight"]

    fileprivate init(_ node: SettingNode) throws(SettingRejection) {
        self.init()
        guard case .mapping(let entries) = node.content else {
            throw node.rejection("must be a group of limits, such as {images_per_day: 200}, but is \(node.kind)")
        }
        var reasons: [SettingRejection.Reason] = []
        for entry in entries {
            do throws(SettingRejection) {
                if let kind = LimitKind(rawValue: entry.name) {
                    self[kind] = .some(try SettingType<Int64?>.limit(kind).read(entry.value))
                } else if entry.name == "weight" {
                    weight = try SettingType<Int>.whole(UserLimits.weights).read(entry.value)
                } else {
                    let near = NearestName.of(entry.name, among: Self.keys).map { "\($0) may be meant" }
                    throw entry.value.rejection(
                        "is no limit; \(near ?? "they are \(Self.keys.joined(separator: ", "))")")
                }
            } catch {
                reasons += error.reasons.map { $0.of("with \(entry.name.quoted)") }
            }
        }
        guard reasons.isEmpty else { throw SettingRejection(reasons: reasons) }
    }
}
