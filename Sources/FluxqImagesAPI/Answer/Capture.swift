/// What one string of an answer, at a place where a picture may stand, turned out to be.
enum Capture: Hashable {
    case empty
    case link(String)
    /// Its ordinal among the pictures.
    case picture(Int)
    /// A picture that came in part, or with damage: its ordinal, and what is wrong.
    case broken(Int, String)
    /// Nothing that could be kept, and why.
    case invalid(String)
    /// Some other text; as much of it as is kept.
    case text(String)

    /// Whether something was sent in a picture's place.
    var isSomething: Bool {
        switch self {
        case .link, .picture, .broken, .invalid: true
        case .empty, .text: false
        }
    }
}
