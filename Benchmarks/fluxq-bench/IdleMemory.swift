/// The memory of a daemon that has just started and is idle.
enum IdleMemory {
    static func measure(_ work: WorkDirectory) async throws -> [Figure] {
        try await TestDaemon.run(in: work) { daemon in
            // Lets the work finish that a start leaves for later.
            try await Task.sleep(for: .seconds(1))
            return [
                Figure(
                    name: "resident memory, idle", value: try ProcessMemory(process: daemon.program.id).resident,
                    unit: "MB", note: "fluxqd with the sandbox in it")
            ]
        }
    }
}
