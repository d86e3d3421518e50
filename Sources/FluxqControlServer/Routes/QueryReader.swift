import FluxqControl
import FluxqModel
import HummingbirdCore

/// Reads typed parameters from a query and collects all errors.
struct QueryReader {
    private var values: [String: String] = [:]
    private var wrong: [Problem.Field] = []

    /// - Parameter names: all parameters that the route accepts.
    init(_ uri: URI, takes names: [String]) {
        for (name, value) in uri.queryParameters where !name.isEmpty {
            let name = String(name)
            if !names.contains(name) {
                let taken = names.isEmpty ? "takes no parameters" : "takes \(names.joined(separator: ", "))"
                fail(name, "is not supported: this route \(taken)")
            } else if values.updateValue(String(value), forKey: name) != nil {
                fail(name, "is given more than once")
            }
        }
    }

    private mutating func fail(_ name: String, _ problem: String) {
        wrong.append(.init(field: name, problem: problem))
    }

    mutating func text(_ name: String, maxBytes: Int) -> String? {
        guard let value = values[name] else { return nil }
        if value.utf8.count > maxBytes { fail(name, "must be at most \(maxBytes) bytes, but is \(value.utf8.count)") }
        return value
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = values[name] else { return nil }
        guard let number = Int64(value), range.contains(number) else {
            let bounds =
                range.upperBound == .max
                ? "from \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
            fail(name, "must be a whole number \(bounds), but is \"\(value.prefix(40))\"")
            return nil
        }
        return number
    }

    /// `true` or `false`; false if it is missing.
    mutating func flag(_ name: String) -> Bool {
        guard let value = values[name] else { return false }
        guard let flag = Bool(value) else {
            fail(name, "must be true or false, but is \"\(value.prefix(40))\"")
            return false
        }
        return flag
    }

    mutating func choice<Choice: CaseIterable & RawRepresentable<String>>(_ name: String) -> Choice? {
        guard let value = values[name] else { return nil }
        guard let choice = Choice(rawValue: value) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            fail(name, "must be one of \(choices), but is \"\(value.prefix(40))\"")
            return nil
        }
        return choice
    }

    /// - Throws: if there were errors, with each of them.
    mutating func finish() throws(Problem) {
        if !wrong.isEmpty { throw .badQuery(wrong) }
    }
}
