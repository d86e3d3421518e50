/// Figures in aligned columns, with numbers aligned to the right.
struct FigureTable {
    let figures: [Figure]

    var text: String {
        let rows = figures.map { (name: $0.name, value: Self.number($0.value), unit: $0.unit, note: $0.note) }
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let valueWidth = rows.map(\.value.count).max() ?? 0
        let unitWidth = rows.map(\.unit.count).max() ?? 0
        return rows.map { row in
            let line =
                row.name + Self.spaces(nameWidth - row.name.count) + "  " + Self.spaces(valueWidth - row.value.count)
                + row.value + "  " + row.unit + Self.spaces(unitWidth - row.unit.count) + "  " + row.note
            return String(line.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }

    private static func spaces(_ count: Int) -> String { String(repeating: " ", count: count) }

    /// Formats a number with three significant digits, or with all digits before the point if it is large.
    private static func number(_ value: Double) -> String {
        let decimals = abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : abs(value) >= 1 ? 2 : 3
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((abs(value) * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }
}
