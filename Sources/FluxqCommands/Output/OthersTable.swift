import FluxqControl

/// Other users' jobs as an aligned table, in the order given: queue position, state and owner.
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
