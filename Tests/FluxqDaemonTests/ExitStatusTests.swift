import FluxqArchive
import FluxqHost
import FluxqStore
import Glibc
import SystemPackage
import Testing

@testable import FluxqDaemon

@Suite("How fluxqd exits if it cannot start")
struct ExitStatusTests {
    @Test("75 if only users cannot be looked up now, 78 for any other mistake in the configuration")
    func passing() throws {
        typealias Problem = ConfigurationError.Problem
        let passing = Problem(origin: .nowhere, text: "a", isPassing: true)
        let mistake = Problem(origin: .nowhere, text: "b")
        #expect(Daemon.exitStatus(of: ConfigurationError([passing])) == EX_TEMPFAIL)
        #expect(Daemon.exitStatus(of: ConfigurationError([passing, passing])) == EX_TEMPFAIL)
        #expect(Daemon.exitStatus(of: ConfigurationError([passing, mistake])) == EX_CONFIG)
        #expect(Daemon.exitStatus(of: ConfigurationError([mistake])) == EX_CONFIG)
    }

    @Test("74 if the disk has failed, 71 for anything else")
    func statuses() {
        #expect(Daemon.exitStatus(of: StoreError.failedDisk("fsync")) == EX_IOERR)
        #expect(Daemon.exitStatus(of: ArchiveError.failed(operation: .sync, path: "/", errno: .ioError)) == EX_IOERR)
        #expect(
            Daemon.exitStatus(of: StateDirectoryError.failed(path: "/", SystemError("fsync", code: .ioError)))
                == EX_IOERR)
        #expect(Daemon.exitStatus(of: StoreError.full) == EX_OSERR)
        for isSandboxed in [true, false] {
            let error = StateDirectoryError.ofAnotherAPI(path: "/", isSandboxed: isSandboxed)
            #expect(Daemon.exitStatus(of: error) == EX_CONFIG)
        }
        #expect(Daemon.exitStatus(of: StateDirectoryError.noSpace(path: "/")) == EX_OSERR)
    }
}
