import FluxqFormats
import FoundationEssentials

/// JSON for standard output: the daemon's documents, each on one line.
enum JSONText {
    /// Parses the daemon's document, including unknown fields.
    static func value(_ bytes: [UInt8]) throws(CommandFailure) -> JSONValue {
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
        } catch {
            throw CommandFailure(.unavailable, code: "protocol_error", "The daemon's answer is not JSON.")
        }
    }

    /// A part of the daemon's document, for one of this program's own; nil if it cannot be encoded again.
    static func members(of part: some Encodable) -> JSONValue? {
        (try? JSONEncoder().encode(part)).flatMap { try? JSONDecoder().decode(JSONValue.self, from: $0) }
    }

    static func line(_ value: JSONValue) throws(CommandFailure) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return harmless(String(decoding: try encoder.encode(value), as: UTF8.self))
        } catch {
            throw CommandFailure(
                .unavailable, code: "protocol_error", "The daemon's answer has a number that JSON cannot have.")
        }
    }

    /// A list with one element on each line.
    static func lines(_ values: [JSONValue]) throws(CommandFailure) -> [String] {
        if values.isEmpty { return ["[]"] }
        var result = ["["]
        for (index, value) in values.enumerated() {
            result.append(try line(value) + (index == values.count - 1 ? "" : ","))
        }
        return result + ["]"]
    }

    /// Escapes characters that could control a terminal; the encoder escapes only the first 32.
    private static func harmless(_ text: String) -> String {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if TerminalText.isHarmless(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result
    }
}
