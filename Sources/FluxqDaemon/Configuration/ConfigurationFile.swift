import FluxqHost
import Glibc
import SystemPackage
import Yams

/// Reads the YAML file. Only this type uses the YAML library.
enum ConfigurationFile {
    /// Far more than every key with every model of a vendor needs.
    static let maxBytes = 1 << 20
    /// Groups, their keys, the elements of those, and the keys of an exception; anything deeper is invalid anyway.
    private static let maxDepth = 4

    /// - Returns: the entries of the file's outermost mapping.
    static func read(_ path: String) throws(ConfigurationError) -> [SettingNode.Entry] {
        let text = try text(path)
        let root: Node?
        do {
            // The basic resolver guesses no types: `no` and `010` stay as they were written.
            root = try Yams.compose(yaml: text, .basic)
        } catch {
            throw explanation(error, path: path)
        }
        guard let root, !isNothing(root) else { return [] }
        guard case .mapping(let mapping) = root else {
            throw ConfigurationError(
                .file(path, line: root.mark?.line),
                "The file must hold groups of keys, such as \"workers:\" and in the next line \"  concurrency: 4\".")
        }
        return entries(mapping, path: path, depth: 1)
    }

    private static func text(_ path: String) throws(ConfigurationError) -> String {
        let bytes: [UInt8]
        do throws(SmallFile.ReadError) {
            bytes = try SmallFile.read(path, maxBytes: maxBytes)
        } catch {
            let text =
                switch error {
                case .system(let error) where error.code == .noSuchFileOrDirectory:
                    "There is no such configuration file. Create it, or correct or leave out --config."
                case .system(let error):
                    "The configuration file cannot be read (\(error)). Let fluxqd's user read it."
                case .notRegular: "This is not a file. Give --config the path of a YAML file."
                case .tooLarge:
                    "The configuration file is larger than \(ByteSize.text(Int64(maxBytes))). Is it the right file?"
                }
            throw ConfigurationError(.file(path, line: nil), text)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(
                .file(path, line: nil), "The configuration file is not UTF-8 text. Save it as UTF-8.")
        }
        return text
    }

    private static func entries(_ mapping: Node.Mapping, path: String, depth: Int) -> [SettingNode.Entry] {
        mapping.map { key, value in
            let line = (key.mark ?? value.mark)?.line
            var node = node(value, path: path, depth: depth)
            // The line of the key: if the value is missing, the parser's mark is already further on.
            node.origin = .file(path, line: line)
            return SettingNode.Entry(name: key.scalar?.string ?? "", value: node)
        }
    }

    private static func node(_ node: Node, path: String, depth: Int) -> SettingNode {
        let content: SettingNode.Content =
            switch node {
            case .scalar(let scalar): isNothing(node) ? .nothing : .text(scalar.string)
            case .sequence(let sequence):
                .list(depth < maxDepth ? sequence.map { self.node($0, path: path, depth: depth + 1) } : [])
            case .mapping(let mapping):
                .mapping(depth < maxDepth ? entries(mapping, path: path, depth: depth + 1) : [])
            case .alias: .nothing
            }
        return SettingNode(origin: .file(path, line: node.mark?.line), content: content)
    }

    private static func isNothing(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node else { return false }
        if scalar.string.isEmpty { return true }
        return scalar.style == .plain && ["~", "null", "Null", "NULL"].contains(scalar.string)
    }

    private static func explanation(_ error: any Error, path: String) -> ConfigurationError {
        func problem(_ line: Int?, _ text: String) -> ConfigurationError {
            ConfigurationError(.file(path, line: line), text)
        }
        let remedy = "Look at the indentation (spaces, no tabs), the colons and the quotation marks."
        return switch error as? YamlError {
        case .duplicatedKeysInMapping(let names, let context):
            problem(
                context.mark.line,
                "\(names.sorted().joined(separator: ", ")) is given more than once, first in this line. Keep one.")
        case .scanner(_, let text, let mark, _), .parser(_, let text, let mark, _), .composer(_, let text, let mark, _):
            problem(mark.line, "This is not YAML: \(text) (column \(mark.column)). \(remedy)")
        case .reader(let text, _, _, _):
            problem(nil, "This is not YAML text: \(text). Remove the control characters, or save the file as UTF-8.")
        default:
            problem(nil, "This file cannot be read as YAML. \(remedy)")
        }
    }
}
