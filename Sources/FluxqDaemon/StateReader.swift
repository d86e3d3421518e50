import ArgumentParser
import FluxqHost
import FluxqMaintenance
import FluxqModel
import FluxqStore
import Foundation
import Glibc
import SystemPackage

/// `fluxqd read-state`: the half of `fluxqd backup` that reads the state, as its owner. So root opens no file that
/// fluxqd's user made. Standard input is its end of the socket pair.
struct ReadState: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read-state", abstract: "Part of fluxqd backup.", shouldDisplay: false)

    @OptionGroup var state: StateOptions

    @Flag var quick = false

    init() {}

    func run() async throws {
        umask(0o077)
        let stream = BackupStream(STDIN_FILENO)
        do {
            try StateOwner.become(ownerOf: state.path)
            let store = try ReadOnlyStore(path: "\(state.path)/queue.sqlite")
            await BackupSource(
                of: state.path, store: store, now: .now(), scrutiny: quick ? .sizes : .everyByte,
                on: stream
            ).serve(temporary: Self.temporaryDirectory)
            try store.close()
        } catch {
            await stream.send(failure: error)
            throw ExitCode(EX_OSERR)
        }
    }

    /// `$TMPDIR`, if this user can write there.
    private static var temporaryDirectory: String? {
        let path = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        return !path.isEmpty && access(path, W_OK | X_OK) == 0 ? path : nil
    }
}

/// A running `fluxqd read-state`.
final class StateReader: Sendable {
    /// How long the process may take to end after its stream.
    private static let patience: Duration = .seconds(5)

    let stream: BackupStream
    private let descriptor: CInt
    private let child: ChildProgram

    init(of state: String, quick: Bool) async throws {
        var pair: [CInt] = [-1, -1]
        guard
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &pair) == 0
        else { throw BackupStream.Failure.system(.last) }
        let (ours, theirs) = (pair[0], pair[1])
        let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { for descriptor in [theirs, nowhere] { close(descriptor) } }
        do {
            child = try await ChildProgram(
                "/proc/self/exe", ["read-state", "--state-directory", state] + (quick ? ["--quick"] : []),
                // Of the caller's environment, only PATH and the directory for the snapshot.
                environment: ProcessInfo.processInfo.environment.filter { ["PATH", "TMPDIR"].contains($0.key) },
                input: FileDescriptor(rawValue: theirs), output: FileDescriptor(rawValue: nowhere))
        } catch {
            close(ours)
            throw error
        }
        descriptor = ours
        stream = BackupStream(ours)
    }

    /// Ends the stream and waits for the process to end, which follows soon.
    func end() async {
        stream.end()
        await child.ended(within: Self.patience)
        close(descriptor)
    }
}
