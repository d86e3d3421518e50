import FluxqControl

/// Others' jobs as an aligned table, in the order given: whose they are, that they run or wait, and where they stand.
struct OthersTable {
    let jobs: [JobPage.Other]

    func lines(_ presentation: Presentation) -> [String] {
        TextTable(
            columns: [.init(title: "PLACE", alignment: .right), .init(title: "STATE"), .init(title: "OWNER")],
            rows: jobs.map { job in
                [
                    .init(job.place.map(String.init)), .init(TerminalText.line(job.state)),
                    .init(TerminalText.line(job.owner)),
                ]
            }
        ).lines(presentation)
    }
}
