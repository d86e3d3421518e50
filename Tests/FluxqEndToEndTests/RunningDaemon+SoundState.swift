import FluxqTestSupport
import Foundation
import Testing

extension RunningDaemon {
    /// Records an issue unless the database is sound, the ledger's sums equal the jobs', and every file of the archive is
    /// intact.
    func expectSoundState(sourceLocation: SourceLocation = #_sourceLocation) async {
        do {
            let check = try await check()
            #expect(check.isClean, "\(check)", sourceLocation: sourceLocation)
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
    }

    /// Stops it, waits for its end, and runs `fluxqd check` on its state.
    ///
    /// - Parameter isSound: false if the test itself has damaged the state.
    @discardableResult
    func stop(
        expectingSoundState isSound: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) async -> ChildProcess.End {
        process.send(SIGTERM)
        let end = await process.wait()
        if isSound { await expectSoundState(sourceLocation: sourceLocation) }
        return end
    }

    /// Ends it like a power cut, and runs `fluxqd check` on its state.
    @discardableResult
    func kill(sourceLocation: SourceLocation = #_sourceLocation) async -> ChildProcess.End {
        process.send(SIGKILL)
        let end = await process.wait()
        await expectSoundState(sourceLocation: sourceLocation)
        return end
    }
}
