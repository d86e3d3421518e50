import Testing

/// Tests wait for a signal, however long a busy machine takes.
@Suite("The tests wait for signals")
struct WaitingTests {
    @Test("a time limit only ends a test that hangs, and is far above the time that a slow machine needs")
    func limits() throws {
        let limits = try SourceLine.ofAllTests().filter { $0.text.contains(/\.timeLimit\(\./) }
        #expect(!limits.isEmpty)
        for line in limits {
            let minutes = line.text.firstMatch(of: /\.timeLimit\(\.minutes\(([0-9]+)\)\)/).flatMap { Int($0.1) }
            #expect(minutes.map { $0 >= 30 } == true, "\(line)")
        }
    }

    @Test("no test sleeps or spins, and none blocks a thread that the others' tasks need")
    func sleeps() throws {
        // These files measure a sleep or a timeout, or use an address that never answers.
        let exempt: Set<String> = [
            "FluxqTestSupport/Observation.swift",
            "FluxqWorkersTests/ClockTests.swift", "FluxqImagesAPITests/HostTimeTests.swift",
            "FluxqImagesAPITests/AddressRaceTests.swift", "FluxqRepositoryTests/WaitingTests.swift",
        ]
        let pattern = /Task\.sleep|Task\.yield|Thread\.sleep|\busleep\(|\bnanosleep\(|DispatchQueue\.global/
        let found = try SourceLine.ofAllTests().filter { !exempt.contains($0.file) && $0.text.contains(pattern) }
        #expect(found.isEmpty, "\(found.map(\.description).joined(separator: "\n"))")
    }
}
