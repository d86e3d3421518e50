import ArgumentParser

/// Measures fluxq as users see it: the release build's own programs, as processes, over the real socket.
@main
struct FluxqBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fluxq-bench",
        abstract: "Measure fluxq and print one table.",
        discussion: """
            Starts the fluxqd that was built beside it, with --sandbox, in a directory of its own, and drives it over \
            its socket. Figures of durability are those of the disk under --directory. Takes some minutes.
            """)

    @Flag(help: "Less of everything: a look at whether it works, in under a minute.")
    var quick = false

    @Option(help: ArgumentHelp("Where to put the temporary directory.", valueName: "DIR"))
    var directory = "/tmp"

    @Option(
        help: ArgumentHelp(
            "Measure only these: disk, memory, pictures, submit, latency, jobs, status, store.", valueName: "LIST"))
    var only: String?

    private var scale: Scale { quick ? .quick : .full }

    func validate() throws {
        let unknown = chosen.filter { name in !Self.sections.contains { $0.name == name } }
        if let name = unknown.first { throw ValidationError("There is nothing to measure that is called \"\(name)\".") }
    }

    private var chosen: [String] {
        only?.split(separator: ",").map(String.init) ?? Self.sections.map(\.name)
    }

    private static let sections: [(name: String, measure: @Sendable (Scale, WorkDirectory) async throws -> [Figure])] =
        [
            ("disk", { scale, work in try await DiskSpeed.measure(scale, work) }),
            ("memory", { _, work in try await IdleMemory.measure(work) }),
            ("pictures", { _, work in try await LargePictures.measure(work) }),
            ("submit", { scale, work in try await SubmitThroughput.measure(scale, work) }),
            ("latency", { scale, work in try await ArrivalLatency.measure(scale, work) }),
            ("jobs", { scale, work in try await JobThroughput.measure(scale, work) }),
            ("status", { scale, work in try await StatusTime.measure(scale, work) }),
            ("store", { scale, work in try await StoreAtScale.measure(scale, work) }),
        ]

    func run() async throws {
        var figures: [Figure] = []
        for section in Self.sections where chosen.contains(section.name) {
            Progress.say("measuring: \(section.name)")
            let work = try WorkDirectory(in: directory)
            defer { work.remove() }
            figures += try await section.measure(scale, work)
        }
        print(FigureTable(figures: figures).text, terminator: "")
    }
}
