/// All errors of a configuration at once, each with its place and its remedy.
package struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Origin: Hashable, Sendable {
        case file(String, line: Int?)
        /// The name of an environment variable.
        case environment(String)
        /// Something is missing, so there is no place to name.
        case nowhere
    }

    package struct Problem: Hashable, Sendable {
        package var origin: Origin
        /// Whole sentences that begin with the key's name, if there is one.
        package var text: String
        /// True if the value may be correct: the next try may succeed.
        package var isPassing = false
    }

    /// Never empty; those of the file first, by line.
    package let problems: [Problem]

    package init(_ problems: [Problem]) {
        self.problems = problems.enumerated()
            .sorted { ($0.element.origin.rank, $0.offset) < ($1.element.origin.rank, $1.offset) }
            .map(\.element)
    }

    init(_ origin: Origin, _ text: String) {
        self.init([Problem(origin: origin, text: text)])
    }

    /// True if the next try may succeed without a change to the configuration.
    package var isPassing: Bool { problems.allSatisfy(\.isPassing) }

    /// One line for each problem.
    package var description: String {
        problems.map(\.description).joined(separator: "\n")
    }
}

extension ConfigurationError.Origin {
    fileprivate var rank: Int {
        switch self {
        case .file(_, let line): line ?? 0
        case .environment, .nowhere: .max
        }
    }
}

extension ConfigurationError.Problem: CustomStringConvertible {
    package var description: String {
        switch origin {
        case .file(let path, let line?): "\(path):\(line): \(text)"
        case .file(let path, nil): "\(path): \(text)"
        case .environment(let name): "$\(name): \(text)"
        case .nowhere: text
        }
    }
}
