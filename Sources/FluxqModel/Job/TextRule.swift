/// A rule for the texts of a submission. It forbids characters that control a terminal, a log or a reader instead of
/// being shown.
package enum TextRule {
    /// A name: a label, a key, a model.
    case oneLine
    /// A prompt: tabs and line ends (LF, or CR and LF) are allowed.
    case lines

    /// Returns the problem of a text, as a phrase after the field's name; nil if there is none.
    package func problem(of text: String) -> String? {
        if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return nil }
        var last: Unicode.Scalar?
        for scalar in text.unicodeScalars {
            // CR alone returns to the start of the line, where the following text hides the text before it.
            if last == "\r", self == .oneLine || scalar != "\n" { return controlProblem }
            if scalar.properties.isBidiControl {
                return "must not contain characters that change the direction of writing, such as "
                    + "U+\(String(scalar.value, radix: 16, uppercase: true).leftPadded(to: 4))"
            }
            if isControl(scalar), scalar != "\r" { return controlProblem }
            last = scalar
        }
        return last == "\r" ? controlProblem : nil
    }

    private var controlProblem: String {
        switch self {
        case .oneLine: "must not contain control characters"
        case .lines: "must not contain control characters but tab and new line"
        }
    }

    private func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: self == .oneLine || (scalar != "\t" && scalar != "\n")
        case .lineSeparator, .paragraphSeparator: self == .oneLine
        default: false
        }
    }
}

extension String {
    fileprivate func leftPadded(to length: Int) -> String {
        String(repeating: "0", count: max(length - count, 0)) + self
    }
}
