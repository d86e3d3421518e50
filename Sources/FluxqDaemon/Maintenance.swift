import ArgumentParser
import Dispatch
import FluxqHost
import Foundation
import Glibc
import SystemPackage

/// Runs and ends the subcommands that maintain a state directory.
enum Maintenance {
    /// The status that a shell reports for a program ended by SIGINT.
    private static let interrupted = 128 + SIGINT

    /// Runs the work until it ends or until SIGINT or SIGTERM, which cancels it. An error is printed on standard error.
    ///
    /// - Parameter work: returns the exit code.
    static func run(_ work: @escaping @Sendable (Progress) async throws -> Int32) async throws {
        umask(0o077)
        let progress = Progress()
        let code: Int32
        do {
            code = try await untilSignal { try await work(progress) }
        } catch is CancellationError {
            progress.clear()
            complain("Interrupted; you can start it again at any time.")
            code = interrupted
        } catch {
            progress.clear()
            complain("\(error)")
            code = EX_OSERR
        }
        if code != EX_OK { throw ExitCode(code) }
    }

    /// - Throws: if there is no state to read, or it may not be read.
    static func checkIsThere(_ path: String) throws(StateUnreadable) {
        let database = "\(path)/queue.sqlite"
        guard access(database, F_OK) == 0 else {
            let error = SystemError("open \(database)")
            throw [.noSuchFileOrDirectory, .notDirectory].contains(error.code) ? .notThere(path) : .failed(path, error)
        }
    }

    private static func complain(_ text: String) {
        FileHandle.standardError.write(Data("fluxqd: \(text)\n".utf8))
    }

    private static func untilSignal(_ work: @escaping @Sendable () async throws -> Int32) async throws -> Int32 {
        let (signals, continuation) = AsyncStream<Int32>.makeStream()
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        defer { for source in sources { source.cancel() } }
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await _ in signals { break }
                return nil
            }
            defer { group.cancelAll() }
            var isInterrupted = false
            do {
                while let end = try await group.next() {
                    if let end { return end }
                    // A signal: the work ends as soon as it can, and counts as interrupted if it fails then.
                    isInterrupted = true
                    group.cancelAll()
                }
            } catch {
                throw isInterrupted ? CancellationError() : error
            }
            throw CancellationError()
        }
    }
}

/// One line on standard error that is overwritten as work proceeds. Prints nothing if standard error is not a terminal.
struct Progress: Sendable {
    private let isShown = isatty(STDERR_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"

    func show(_ text: String) {
        if isShown { write("\r\u{1B}[K\(text)") }
    }

    func clear() {
        if isShown { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

/// The reason why a state directory cannot be read.
enum StateUnreadable: Error, Hashable, CustomStringConvertible {
    case notThere(String)
    case running(String, processID: Int32?)
    case failed(String, SystemError)

    var description: String {
        switch self {
        case .notThere(let path):
            "\(path) is not a state directory of fluxqd. Name the right one with --state-directory."
        case .running(let path, let processID):
            "fluxqd\(processID.map { " (process id \($0))" } ?? "") is running on \(path) and repairs it itself. "
                + "Stop it first, or check without --repair."
        case .failed(let path, let error):
            "The state in \(path) cannot be read (\(error)). Run this as root or as fluxqd's user."
        }
    }
}
