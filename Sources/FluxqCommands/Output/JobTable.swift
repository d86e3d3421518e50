import FluxqControl
import FluxqModel

/// Jobs as an aligned table, in the order given.
struct JobTable {
    let jobs: [JobDocument]
    /// True for jobs of more than one user.
    var showsOwners = false

    private static let labelLimit = 20
    private static let ownerLimit = 16

    func lines(_ presentation: Presentation) -> [String] {
        let id = TextTable.Column(title: "ID", alignment: .right)
        let owner = showsOwners ? [TextTable.Column(title: "OWNER", limit: Self.ownerLimit)] : []
        return TextTable(
            columns: [id] + owner + [
                .init(title: "STATE"), .init(title: "PICTURES"),
                .init(title: "SUBMITTED"), .init(title: "LABEL", limit: Self.labelLimit), .init(title: "PROMPT"),
            ],
            rows: jobs.map { job in
                let words = JobWords(job)
                let owner = showsOwners ? [TextTable.Cell(TerminalText.line(job.owner))] : []
                return [.init("\(job.id)")] + owner + [
                    .init(words.state, words.ink), .init(words.pictures),
                    .init(presentation.moment(job.createdAt)), .init(job.label.map(TerminalText.line)),
                    .init(TerminalText.line(job.request.prompt)),
                ]
            }
        ).lines(presentation)
    }
}
