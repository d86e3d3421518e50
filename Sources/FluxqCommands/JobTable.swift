import FluxqControl
import FluxqModel

/// Jobs as an aligned table, in the order given.
struct JobTable {
    let jobs: [JobDocument]

    private static let labelLimit = 20

    func lines(_ presentation: Presentation) -> [String] {
        TextTable(
            columns: [
                .init(title: "ID", alignment: .right), .init(title: "STATE"), .init(title: "PICTURES"),
                .init(title: "SUBMITTED"), .init(title: "LABEL", limit: Self.labelLimit), .init(title: "PROMPT"),
            ],
            rows: jobs.map { job in
                let words = JobWords(job)
                return [
                    .init("\(job.id)"), .init(words.state, words.ink), .init(words.pictures),
                    .init(presentation.moment(job.createdAt)), .init(job.label.map(TerminalText.line)),
                    .init(TerminalText.line(job.request.prompt)),
                ]
            }
        ).lines(presentation)
    }
}
