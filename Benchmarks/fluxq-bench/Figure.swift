/// One line of the table.
struct Figure: Sendable {
    var name: String
    var value: Double
    var unit: String
    /// What has to be known to read it.
    var note = ""
}
