import Testing

@Suite("The operating system")
struct HostTests {
    private enum Matter: String, CaseIterable {
        case clocks, children

        /// What asks the system for it.
        var pattern: Regex<Substring> {
            switch self {
            case .clocks: /\b(?:clock_gettime|gettimeofday|time\(nil\)|Date\(\)|Date\.now)/
            case .children: /\b(?:posix_spawnp?|v?fork|execve?|Process|Subprocess\.run)\(/
            }
        }
    }

    @Test("is asked for its clocks and for child processes in FluxqHost alone", arguments: Matter.allCases)
    private func askedInOnePlace(_ matter: Matter) throws {
        let found = try SourceLine.all(below: "Sources").filter { $0.text.contains(matter.pattern) }
        let elsewhere = found.filter { !$0.file.hasPrefix("FluxqHost/") }
        #expect(elsewhere.isEmpty, "\(elsewhere.map(\.description).joined(separator: "\n"))")
        #expect(found.count > elsewhere.count, "The pattern finds nothing, so it proves nothing.")
    }

    @Test("has its errors worded by Errno alone", arguments: ["Sources", "Proofs", "Benchmarks"])
    func wordedInOneWay(folder: String) throws {
        let found = try SourceLine.all(below: folder).filter { $0.text.contains(/\b(?:strerror|perror)\(/) }
        #expect(found.isEmpty, "\(found.map(\.description).joined(separator: "\n"))")
    }
}
