import Testing

/// All tests of the modules run in one process, several at a time.
@Suite("The tests share a process")
struct SharedProcessTests {
    @Test("none changes the state of the process: the umask, the environment, the directory, limits, signals")
    func leavesItAlone() throws {
        let pattern = /\b(umask|setenv|unsetenv|putenv|chdir|fchdir|setrlimit|sigaction|setuid|setgid)\(/
        let found = try SourceLine.ofAllTests().filter {
            $0.text.contains(pattern) || $0.text.contains("changeCurrentDirectoryPath(")
        }
        .filter { $0.file != "FluxqRepositoryTests/SharedProcessTests.swift" }
        #expect(found.isEmpty, "\(found.map(\.description).joined(separator: "\n"))")
    }
}
