import FluxqTestSupport
import Foundation
import Testing

extension RunningDaemon {
    /// Records an issue of the running test unless the database is sound, the ledger's sums equal the jobs', and every
    /// file of the archive is whole.
    func expectSoundState(sourceLocation: SourceLocation = #_sourceLocation) async {
        do {
            let check = try await check()
            #expect(check.isClean, "\(check)", sourceLocation: sourceLocation)
        } catch {
            Issue.record(error, sourceLocation: sourceLocation)
        }
    }

    /// Asks it to stop, waits for that, and holds what it leaves against `fluxqd check`.
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

    /// Ends it as a power cut would, and holds what it leaves against `fluxqd check`.
    @discardableResult
    func kill(sourceLocation: SourceLocation = #_sourceLocation) async -> ChildProcess.End {
        process.send(SIGKILL)
        let end = await process.wait()
        await expectSoundState(sourceLocation: sourceLocation)
        return end
    }
}
