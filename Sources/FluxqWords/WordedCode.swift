package import FluxqModel

/// A code whose message `FluxqWords` words.
package protocol WordedCode {
    /// What happened and what to do about it: whole sentences.
    var words: String { get }
}

extension StoredMessage where Code: WordedCode {
    package var words: String {
        switch self {
        case .said(let text): text
        case .code(let code): code.words
        case .unknown(let name): "A newer fluxqd recorded the reason \"\(name)\", which this one does not know."
        }
    }

    /// Closed with a full stop unless it already ends a sentence.
    var sentence: String {
        let words = words
        return words.last.map { ".!?".contains($0) } ?? true ? words : words + "."
    }
}
