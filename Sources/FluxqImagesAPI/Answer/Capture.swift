/// The result of reading one string of an answer, at a place where a picture may be.
enum Capture: Hashable {
    case empty
    case link(String)
    /// A picture, by its ordinal among the pictures.
    case picture(Int)
    /// An incomplete or damaged picture: its ordinal, and the defect.
    case broken(Int, String)
    /// A string that could not be kept, and the reason.
    case invalid(String)
    /// Some other text, up to the limit.
    case text(String)

    /// True if something was sent in place of a picture.
    var isSomething: Bool {
        switch self {
        case .link, .picture, .broken, .invalid: true
        case .empty, .text: false
        }
    }
}
