import FluxqControl
import FluxqModel
import FluxqWords

/// One user's use and limits, for a person.
struct UsageSheet {
    let usage: UsageDocument

    func lines(_ presentation: Presentation) -> [String] {
        let user = TerminalText.line(usage.owner)
        let share = usage.weight == 1 ? "" : ", weight \(usage.weight)"
        return [
            presentation.palette("\(user) (uid \(usage.uid))\(share)", .heading),
            "today       \(words(usage.today))",
            "this month  \(words(usage.month))",
        ] + usage.others.map(otherMoney) + [""] + table.lines(presentation) + [
            "", "Days and months begin at 00:00 UTC.",
        ]
    }

    private func words(_ tally: UsageDocument.Tally) -> String {
        var parts = ["\(pictures(tally.images)) bought" + money(tally.spent, " for ")]
        if tally.imagesReserved > 0 {
            parts.append(
                "\(tally.imagesReserved) in flight" + money(tally.spendReserved, ", set aside ", inBrackets: true))
        }
        if tally.imagesUnknown > 0 {
            parts.append(
                "\(tally.imagesUnknown) of calls that may have been billed"
                    + money(tally.spendUnknown, "", inBrackets: true))
        }
        return parts.joined(separator: "; ")
    }

    /// Money in a currency of earlier prices: it counts against no limit.
    private func otherMoney(_ money: UsageDocument.Money) -> String {
        func amount(_ tally: UsageDocument.Tally) -> String {
            UsageDocument.amount(
                tally.spent + tally.spendReserved + tally.spendUnknown, .money,
                currency: TerminalText.line(money.currency))
        }
        return
            "besides     \(amount(money.month)) this month, \(amount(money.today)) of it today: of prices in another "
            + "currency, in no limit"
    }

    private func pictures(_ count: Int64) -> String { "\(count) \(count == 1 ? "picture" : "pictures")" }

    /// Empty if nothing has a price.
    private func money(_ amount: Double, _ before: String, inBrackets: Bool = false) -> String {
        guard usage.currency != nil else { return "" }
        let text = before + usage.amount(amount, .money)
        return inBrackets ? " (\(text.drop { $0 == "," || $0 == " " }))" : text
    }

    private var table: TextTable {
        TextTable(
            columns: [
                .init(title: "LIMIT"), .init(title: "USED", alignment: .right), .init(title: "OF", alignment: .right),
                .init(title: "LEFT", alignment: .right),
            ],
            rows: LimitKind.allCases.compactMap { kind in
                guard let limit = usage.limits[kind.rawValue] else { return nil }
                func cell(_ value: Double?, none: String) -> String {
                    value.map { usage.amount($0, kind.unit) } ?? none
                }
                return [
                    .init(LimitWords.name(kind)), .init(cell(limit.used, none: "-")),
                    .init(cell(limit.limit, none: "no limit")),
                    .init(cell(limit.left, none: "-"), limit.left.map { $0 <= 0 } == true ? .bad : nil),
                ]
            })
    }
}

/// The use of all users, one user per line.
struct UsageTable {
    let users: [UsageDocument]

    func lines(_ presentation: Presentation) -> [String] {
        let kinds: [LimitKind] = [
            .queuedJobs, .runningJobs, .imagesPerDay, .spendPerDay, .spendPerMonth, .retriesPerDay, .archiveBytes,
            .keptBytes,
        ]
        return TextTable(
            columns: [
                .init(title: "UID", alignment: .right), .init(title: "USER"), .init(title: "WEIGHT", alignment: .right),
            ]
                + kinds.map { .init(title: LimitWords.name($0).uppercased(), alignment: .right) },
            rows: users.map { usage in
                [.init("\(usage.uid)"), .init(TerminalText.line(usage.owner)), .init("\(usage.weight)")]
                    + kinds.map { .init(cell(usage, $0)) }
            }
        ).lines(presentation)
    }

    /// `3`, or `3 of 10` if there is a limit.
    private func cell(_ usage: UsageDocument, _ kind: LimitKind) -> String? {
        guard let limit = usage.limits[kind.rawValue], let used = limit.used else { return nil }
        if kind.unit == .money, usage.currency == nil, usage.others.isEmpty { return nil }
        let text = usage.amount(used, kind.unit)
        let others = kind.unit == .money ? usage.others.map { " + \(other($0, kind))" }.joined() : ""
        return (limit.limit.map { "\(text) of \(usage.amount($0, kind.unit))" } ?? text) + others
    }

    private func other(_ money: UsageDocument.Money, _ kind: LimitKind) -> String {
        let tally = kind.period == .month ? money.month : money.today
        return UsageDocument.amount(
            tally.spent + tally.spendReserved + tally.spendUnknown, .money, currency: TerminalText.line(money.currency))
    }
}

extension UsageDocument {
    /// A number of this document as text; an invalid one is shown unchanged.
    fileprivate func amount(_ number: Double, _ unit: LimitKind.Unit) -> String {
        Self.amount(number, unit, currency: currency.map(TerminalText.line))
    }

    fileprivate static func amount(_ number: Double, _ unit: LimitKind.Unit, currency: String?) -> String {
        guard let value = unit.value(wire: number) else { return "\(number)" }
        return LimitWords.amount(value, unit, currency: currency)
    }

    /// Money in currencies other than that of the current prices.
    fileprivate var others: [Money] { money.filter { $0.currency != currency } }
}
