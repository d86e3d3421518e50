/// Rows under headings, every column as wide as its widest cell.
struct TextTable {
    struct Column {
        let title: String
        var alignment: Alignment = .left
        /// The maximum width on a terminal; a pipe gets the whole text.
        var limit: Int?
    }

    enum Alignment { case left, right }

    struct Cell {
        let text: String
        var ink: Ink?

        /// - Parameter text: safe to print; `-` is shown if it is nil or empty.
        init(_ text: String?, _ ink: Ink? = nil) {
            self.text = text.flatMap { $0.isEmpty ? nil : $0 } ?? "-"
            self.ink = ink
        }
    }

    let columns: [Column]
    /// Each row has as many cells as there are columns.
    let rows: [[Cell]]

    private static let gap = "  "
    /// The last column keeps at least this width, even if the others leave less.
    private static let leastLastColumn = 12

    func lines(_ presentation: Presentation) -> [String] {
        let fitted = rows.map { row in
            zip(row, columns).map { cell, column -> Cell in
                guard presentation.width != nil, let limit = column.limit else { return cell }
                return Cell(TerminalText.truncated(cell.text, toColumns: limit), cell.ink)
            }
        }
        let widths = columns.indices.map { index in
            fitted.reduce(TerminalText.columns(columns[index].title)) {
                max($0, TerminalText.columns($1[index].text))
            }
        }
        let before = widths.dropLast().reduce(0) { $0 + $1 + Self.gap.count }
        let room = presentation.width.map { max($0 - before, Self.leastLastColumn) }
        let heading = columns.map { Cell($0.title, .heading) }
        return ([heading] + fitted).map { line($0, widths: widths, room: room, palette: presentation.palette) }
    }

    private func line(_ cells: [Cell], widths: [Int], room: Int?, palette: Palette) -> String {
        columns.indices.map { index in
            let cell = cells[index]
            if index == columns.count - 1, columns[index].alignment == .left {
                return palette(room.map { TerminalText.truncated(cell.text, toColumns: $0) } ?? cell.text, cell.ink)
            }
            let padding = String(repeating: " ", count: max(widths[index] - TerminalText.columns(cell.text), 0))
            let inked = palette(cell.text, cell.ink)
            return columns[index].alignment == .left ? inked + padding : padding + inked
        }
        .joined(separator: Self.gap)
    }
}
