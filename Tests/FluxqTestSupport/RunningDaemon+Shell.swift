extension RunningDaemon {
    /// Runs a shell script in the daemon's directory, with `fluxq` in its path and `$FLUXQ_SOCKET`.
    package func shell(_ script: String) async throws -> Run {
        let process = try start(shell: script)
        let end = await process.wait()
        return Run(end: end, output: process.output, errors: process.errors)
    }

    /// Starts such a script without waiting for its end.
    package func start(shell script: String, of shell: String = "sh") throws -> ChildProcess {
        let programs = Self.executable("fluxq").dropLast("/fluxq".count)
        var environment = Self.baseEnvironment
        environment["FLUXQ_SOCKET"] = socket
        environment["PATH"] = programs + ":" + (environment["PATH"] ?? "")
        return try ChildProcess(
            shell, ["-c", "cd '\(directory.path)' || exit 99\n\(script)"], environment: environment,
            directory: directory.path)
    }
}
