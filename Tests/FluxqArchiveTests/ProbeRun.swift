import Foundation

/// A finished run of the `archive-probe` executable, under strace if calls are to be traced or injected with errors.
struct ProbeRun {
    let status: Int32
    let output: String
    let errorOutput: String

    static let strace = "/usr/bin/strace"
    static var canTrace: Bool { FileManager.default.isExecutableFile(atPath: strace) }

    /// - Parameters:
    /// - removing: the hexadecimal hash of content to remove meanwhile.
    /// - call: such as `7-1`; the input is then its first inline picture.
    ///   - tracing: strace's options; nil runs without it.
    init(directory: String, input: String, removing: String? = nil, call: String? = nil, tracing: [String]? = nil)
        async throws
    {
        // Built in the same directory as the tests.
        let probe = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
            .appending(path: "archive-probe").path
        let command =
            (tracing.map { [Self.strace, "-f", "-qq"] + $0 } ?? []) + [probe, directory]
            + ((removing ?? call).map { [$0] } ?? [])
        let process = Process()
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        let (output, errorOutput) = (Pipe(), Pipe())
        process.standardInput = try FileHandle(forReadingFrom: URL(filePath: input))
        process.standardOutput = output
        process.standardError = errorOutput
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        status = process.terminationStatus
        // One or two lines each, which fit into the pipes.
        self.output = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        self.errorOutput = String(decoding: try errorOutput.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }
}

/// Returns the system calls of an strace log in the order in which they returned, such as `fsync(7</x/y>) = 0`.
func systemCalls(ofLog path: String) throws -> [String] {
    var unfinished: [Substring: Substring] = [:]
    return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").compactMap { line in
        let parts = line.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        let call = parts[1].drop { $0 == " " }
        if call.hasSuffix("<unfinished ...>") {
            unfinished[parts[0]] = call.dropLast("<unfinished ...>".count)
            return nil
        }
        if call.hasPrefix("<..."), let end = call.firstRange(of: "resumed>") {
            return String((unfinished.removeValue(forKey: parts[0]) ?? "") + call[end.upperBound...])
        }
        return String(call)
    }
}
