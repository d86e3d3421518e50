import FluxqHost
import FluxqImagesAPI
import FluxqMaintenance
import FluxqModel

/// Reads and writes the values of one type. The ranges are in `Setting.all`.
struct SettingType<Value: Sendable>: Sendable {
    var shape: Setting.Shape = .one
    let read: @Sendable (SettingNode) throws(SettingRejection) -> Value
    /// The text for the file; nil for no value.
    let write: @Sendable (Value) -> String?
}

extension SettingType {
    /// A value written as one word or sentence.
    ///
    /// - Parameters:
    ///   - expectation: follows "must be".
    ///   - isShown: false if a message must not repeat the value, because people paste secrets into such places.
    ///   - parse: nil if the text is not such a value.
    static func one(
        _ expectation: String, isShown: Bool = true, write: @escaping @Sendable (Value) -> String?,
        parse: @escaping @Sendable (String) -> Value?
    ) -> SettingType {
        SettingType(
            read: { node throws(SettingRejection) in
                let text = try node.word(expectation)
                guard let value = parse(text) else {
                    throw node.rejection("must be \(expectation)" + (isShown ? ", but is \(text.quoted)" : ""))
                }
                return value
            }, write: write)
    }

    /// A list whose elements are read one by one, so that every invalid one is reported.
    static func list<Element>(
        of element: SettingType<Element>, _ expectation: String, make: @escaping @Sendable ([Element]) -> Value,
        elements: @escaping @Sendable (Value) -> [Element]
    ) -> SettingType {
        SettingType(
            shape: .list,
            read: { node throws(SettingRejection) in
                guard case .list(let nodes) = node.content else {
                    throw node.rejection("must be \(expectation), but is \(node.kind)")
                }
                var values: [Element] = []
                var reasons: [SettingRejection.Reason] = []
                for node in nodes {
                    do throws(SettingRejection) {
                        values.append(try element.read(node))
                    } catch {
                        reasons += error.reasons.map { $0.of("has an element that") }
                    }
                }
                guard reasons.isEmpty else { throw SettingRejection(reasons: reasons) }
                return make(values)
            },
            write: { "[\(elements($0).compactMap(element.write).joined(separator: ", "))]" })
    }
}

extension SettingType where Value: RawRepresentable<String> & CaseIterable {
    /// One of a fixed set of words.
    static func oneOf(_ type: Value.Type) -> SettingType {
        .one(
            type.allCases.map(\.rawValue).joined(separator: " or "), write: { $0.rawValue },
            parse: { Value(rawValue: $0) })
    }
}

extension SettingType<Int> {
    static func whole(_ range: ClosedRange<Int>) -> SettingType {
        .one("a whole number from \(range.lowerBound) to \(range.upperBound)", write: { "\($0)" }) { text in
            guard let value = FixedPoint.parse(text, decimals: 0).flatMap(Int.init(exactly:)) else { return nil }
            return range.contains(value) ? value : nil
        }
    }
}

extension SettingType<Int?> {
    static func optionalWhole(_ range: ClosedRange<Int>) -> SettingType {
        let type = SettingType<Int>.whole(range)
        return SettingType(
            read: { node throws(SettingRejection) in try type.read(node) }, write: { $0.flatMap(type.write) })
    }
}

extension SettingType<Duration> {
    /// Seconds with at most three decimals.
    static func seconds(_ lowest: Double, _ highest: Int) -> SettingType {
        let lowestText = lowest == lowest.rounded() ? "\(Int(lowest))" : "\(lowest)"
        let lowestMilliseconds = Int64((lowest * 1000).rounded())
        return .one(
            "a number of seconds from \(lowestText) to \(highest)",
            write: { FixedPoint.text($0.milliseconds, decimals: 3) }
        ) { text in
            guard let milliseconds = FixedPoint.parse(text, decimals: 3) else { return nil }
            let isPossible = milliseconds >= lowestMilliseconds && milliseconds <= Int64(highest) * 1000
            return isPossible ? .milliseconds(milliseconds) : nil
        }
    }
}

extension SettingType<Int64> {
    /// A size of 1 KiB to 1 GiB.
    static var bytes: SettingType {
        .one("a size from 1 KiB to 1 GiB, as a number of bytes or such as 64 MiB", write: ByteSize.text) { text in
            guard let size = ByteSize.parse(text) else { return nil }
            return (1 << 10...1 << 30).contains(size) ? size : nil
        }
    }
}

extension SettingType<Set<Int>> {
    static var statuses: SettingType {
        .list(of: .whole(500...599), "a list of HTTP statuses, such as [500, 503]", make: Set.init) { $0.sorted() }
    }
}

extension SettingType<[String]> {
}

extension SettingType<String?> {
    static var absolutePath: SettingType {
        .one("an absolute path, such as /etc/fluxq/api-key", isShown: false, write: { $0 }) { text in
            text.hasPrefix("/") && !text.utf8.contains(0) ? .some(text) : nil
        }
    }
}

extension SettingType<String> {
    static var modelName: SettingType {
        let limit = EditRequest.Bounds.modelBytes
        return .one("the name of a model, at most \(limit) bytes", write: { $0 }) { text in
            text.utf8.count <= limit && !text.utf8.contains { $0 <= 0x20 || $0 == 0x7F } ? text : nil
        }
    }

    static var currency: SettingType {
        .one("a currency's three capital letters, such as USD", write: { $0 }) { text in
            text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) } ? text : nil
        }
    }
}

extension SettingType<HostAndPort> {
    static var host: SettingType {
        .one(
            "a host or host:port, such as images.example.org or [fd00::7]:8080", write: \.description,
            parse: HostAndPort.init(_:))
    }
}

extension SettingType<[HostAndPort]> {
    static var hosts: SettingType {
        .list(of: .host, "a list of hosts, such as [images.example.org]", make: { $0 }, elements: { $0 })
    }
}

extension SettingType<BaseURL> {
    static var baseURL: SettingType {
        SettingType(
            read: { node throws(SettingRejection) in
                let text = try node.word("a URL")
                let url: BaseURL
                do throws(BaseURL.Invalid) {
                    url = try BaseURL(text)
                } catch {
                    throw node.rejection(error.problem)
                }
                if url.showsKeyToNetwork {
                    throw node.rejection(
                        "must begin with https://, because http shows the API key and the pictures to the network. "
                            + "Plain http is for this host alone: localhost, 127.0.0.1 or [::1], or a Unix socket "
                            + "(\(BaseURL.socketExample))")
                }
                if let socket = url.socket { try checkDirectory(of: socket, node) }
                return url
            }, write: \.description)
    }

    /// A user who can put a socket there gets the key, so no other user may be able to.
    private static func checkDirectory(of url: SocketURL, _ node: SettingNode) throws(SettingRejection) {
        let directory = UnixSocketAddress.directory(of: url.socket)
        do throws(TrustedDirectory.Distrust) {
            try TrustedDirectory(directory).checkIsOwn(directory, isRootTrusted: true)
        } catch {
            throw node.rejection(
                "leads to a socket in a directory that is not safe: \(error.path) \(error.why). A user who can "
                    + "put a socket there gets the API key. Make root the owner of it and of every directory "
                    + "above, writable only by root")
        }
    }
}

extension SettingType<Set<UInt32>> {
    /// Names are looked up here, so that an unknown name is reported with its line.
    static var users: SettingType {
        .list(of: .user, "a list of users by name or number, such as [alice, 1000]", make: Set.init) { $0.sorted() }
    }
}

extension SettingType<UInt32> {
    static var user: SettingType {
        .named("a user", number: HostNumber.user) { name throws(UserDatabase.Failure) in
            try UserDatabase.user(named: name)?.uid
        }
    }

    static var group: SettingType {
        .named("a group", number: HostNumber.group) { name throws(UserDatabase.Failure) in
            try UserDatabase.group(named: name)
        }
    }
}

extension SettingType<UInt32?> {
    static var group: SettingType {
        let type = SettingType<UInt32>.group
        return SettingType(
            read: { node throws(SettingRejection) in try type.read(node) }, write: { $0.flatMap(type.write) })
    }
}

extension SettingType<UInt32> {
    /// A user or group that this host's user database knows by name; a number is used as it is.
    ///
    /// - Parameters:
    ///   - kind: with its article.
    ///   - number: returns nil for a number that is not valid for this kind.
    fileprivate static func named(
        _ kind: String, number: @escaping @Sendable (Substring) -> UInt32?,
        _ lookUp: @escaping @Sendable (String) throws(UserDatabase.Failure) -> UInt32?
    ) -> SettingType {
        let expectation = "\(kind)'s name or number"
        return SettingType(
            read: { node throws(SettingRejection) in
                let text = try node.word(expectation)
                if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !text.isEmpty {
                    guard let number = number(text[...]) else {
                        throw node.rejection("must be \(expectation), but is \(text.quoted), which stands for none")
                    }
                    return number
                }
                do throws(UserDatabase.Failure) {
                    if let number = try lookUp(text) { return number }
                } catch {
                    throw node.rejection(
                        "cannot be looked up now: \(error). Try again, or write the number", isPassing: true)
                }
                throw node.rejection(
                    "must be \(expectation), but this host knows no \(text.quoted). "
                        + "Correct the name, or create it first")
            }, write: { "\($0)" })
    }
}

/// Numbers of users and groups in written form.
private enum HostNumber {
    /// Excludes uid 65534, which the kernel reports if it cannot name a user; such connections are refused.
    static func user(_ text: Substring) -> UInt32? {
        group(text).flatMap { $0 == 65534 ? nil : $0 }
    }

    static func group(_ text: Substring) -> UInt32? {
        UInt32(text).flatMap { $0 == .max ? nil : $0 }
    }
}

extension SettingType<[String: Int64]> {
    /// By model, in millionths of the currency.
    static var prices: SettingType {
        let price = SettingType<Int64>.one(
            "a price of at most 1000000 with at most six decimals, such as 0.08",
            write: { FixedPoint.text($0, decimals: 6) }
        ) { text in
            guard let micros = FixedPoint.parse(text, decimals: 6) else { return nil }
            return micros <= 1_000_000_000_000 ? micros : nil
        }
        return SettingType(
            shape: .mapping,
            read: { node throws(SettingRejection) in
                guard case .mapping(let entries) = node.content else {
                    throw node.rejection("must be a group of models with their prices, but is \(node.kind)")
                }
                var prices: [String: Int64] = [:]
                var reasons: [SettingRejection.Reason] = []
                for entry in entries {
                    do throws(SettingRejection) {
                        if entry.name.isEmpty { throw entry.value.rejection("names no model; write MODEL=PRICE") }
                        if prices[entry.name] != nil { throw entry.value.rejection("gives \(entry.name.quoted) twice") }
                        prices[entry.name] = try price.read(entry.value)
                    } catch {
                        reasons += error.reasons.map { $0.of("of \(entry.name.quoted)") }
                    }
                }
                guard reasons.isEmpty else { throw SettingRejection(reasons: reasons) }
                return prices
            },
            write: { prices in
                prices.isEmpty ? nil : prices.sorted { $0.key < $1.key }.map { "\($0): \($1)" }.joined(separator: ", ")
            })
    }
}

extension SettingNode {
    /// The text of a value that must be one word or sentence.
    func word(_ expectation: String) throws(SettingRejection) -> String {
        switch content {
        case .text(let text): return text
        case .nothing: throw rejection("has no value. Give it \(expectation), or remove it")
        case .list, .mapping: throw rejection("must be \(expectation), but is \(kind)")
        }
    }

    func rejection(_ text: String, isPassing: Bool = false) -> SettingRejection {
        SettingRejection(reasons: [.init(origin: origin, text: text, isPassing: isPassing)])
    }

    var kind: String {
        switch content {
        case .text(let text): text.quoted
        case .nothing: "empty"
        case .list: "a list"
        case .mapping: "a group of keys"
        }
    }
}
