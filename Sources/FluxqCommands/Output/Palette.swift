/// The meaning of a piece of text, as a terminal's colour or style.
enum Ink: String, Sendable {
    case heading = "1"
    case quiet = "2"
    case good = "32"
    case waiting = "33"
    case active = "36"
    case bad = "31"
}

/// Applies colours, or none.
struct Palette: Hashable, Sendable {
    let colours: Bool

    static let plain = Palette(colours: false)

    func callAsFunction(_ text: String, _ ink: Ink?) -> String {
        guard colours, let ink, !text.isEmpty else { return text }
        return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
    }
}
