/// One line of the table.
struct Figure: Sendable {
    var name: String
    var value: Double
    var unit: String
    /// A note that is needed to understand the figure.
    var note = ""
}
