/// What a daemon takes that has just started and has nothing to do.
enum IdleMemory {
    static func measure(_ work: WorkDirectory) async throws -> [Figure] {
        try await TestDaemon.run(in: work) { daemon in
            // Whatever a start leaves to be done soon after it.
            try await Task.sleep(for: .seconds(1))
            return [
                Figure(
                    name: "resident memory, idle", value: try ProcessMemory(process: daemon.program.id).resident,
                    unit: "MB", note: "fluxqd with the sandbox in it")
            ]
        }
    }
}
