import ArgumentParser
import FluxqArchive
import FluxqModel
import FluxqStore
import FluxqUsers
import FluxqWorkers
import Foundation
import Glibc

/// `fluxqd purge USER`: deletes what a user has left.
struct Purge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Delete all that a user has left: jobs, pictures, inputs and events; with the daemon stopped.",
        discussion: """
            For an account that is gone. What the user's calls have cost stays in the books, under the user's name and number. \
            Jobs that wait or run, and pictures that are still to be fetched, are in the way and are named: cancel them first \
            (fluxq list --all, fluxq cancel ID), or wait.

            fluxqd must be stopped, so that nothing of the user comes in meanwhile and the files are gone when this ends. Says \
            what it would delete and asks; without a terminal it needs --yes. To be run as root or as fluxqd's user.

            EXIT STATUS
              0   done, or nothing was there
              1   something is in the way, or nobody said yes; nothing was deleted
              64  the command line cannot be understood
              71  the state directory cannot be opened
              130 interrupted; run it again
            """)

    @OptionGroup var state: StateOptions

    @Flag(help: "Do not ask.")
    var yes = false

    @Argument(help: ArgumentHelp("The user's name or number.", valueName: "USER"))
    var user: String

    init() {}

    func run() async throws {
        let (user, yes) = (user, yes)
        let path = state.path
        // Names are looked up before this becomes the state's owner, who may not be able to.
        let known = UInt32(user) == nil ? try? UserDatabase.user(named: user)?.uid : nil
        try await Maintenance.run { _ in
            try StateOwner.become(ownerOf: path)
            try Maintenance.checkIsThere(path)
            let lock = try Self.lock(path)
            defer { lock.release() }
            let clock = SystemClock()
            let store = try Store(path: "\(path)/queue.sqlite", now: { clock.now() })
            let archive = try LocalArchive(directory: path)
            let code = try await Self.purge(user, known: known, yes: yes, store, archive)
            try store.close()
            return code
        }
    }

    private static func lock(_ path: String) throws -> StateDirectory {
        do {
            return try StateDirectory.open(path: path)
        } catch .inUse(_, let processID) {
            throw PurgeRefusal.running(path, processID: processID)
        }
    }

    private static func purge(
        _ user: String, known: UInt32?, yes: Bool, _ store: Store, _ archive: any ContentStore
    ) async throws -> Int32 {
        let uids = Set(try await store.owners(calledOrNumbered: user) + [known].compactMap(\.self)).sorted()
        guard uids.count < 2 else {
            print(
                "Several users are called \(user): \(uids.map(String.init).joined(separator: ", ")). Give the number.")
            return EXIT_FAILURE
        }
        guard let uid = uids.first, let found = try await store.purgeable(uid) else {
            print("Nobody of that name or number has ever used fluxq: there is nothing to delete.")
            return EX_OK
        }
        let who = "\(found.name) (uid \(uid))"
        guard found.queued == 0, found.running == 0, found.preview.pending == 0 else {
            print(
                "\(who) has \(found.queued) jobs that wait, \(found.running) that run, and \(found.preview.pending) with a "
                    + "picture that was paid for and is still to be fetched. Start fluxqd, cancel them (fluxq list --all, fluxq "
                    + "cancel ID) or wait, then run this again. Nothing was deleted.")
            return EXIT_FAILURE
        }
        let sum = found.preview.sum
        let what =
            "\(sum.jobs) jobs, \(sum.pictures) pictures (\(sum.bytes >> 20) MiB), all inputs and all events of \(who)"
        guard yes || confirmed(what) else {
            print("Nothing was deleted.")
            return EXIT_FAILURE
        }
        let query = ForgetQuery(endedBefore: store.clock() + .milliseconds(1))
        while case let (_, isMore) = try await store.forget(query, of: uid, by: nil), isMore {}
        guard try await store.purge(uid) else {
            print("\(who) has a job yet that could not be deleted. Run this again.")
            return EXIT_FAILURE
        }
        try await removeContent(store, archive)
        print("Deleted: \(what). What the calls have cost stays in the books.")
        return EX_OK
    }

    private static func confirmed(_ what: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else {
            print(
                "This would delete \(what), and there is no terminal to ask on. To delete without a question, add --yes."
            )
            return false
        }
        print("This deletes \(what), for good. Delete? [y/N] ", terminator: "")
        fflush(nil)
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    /// Nothing else writes: no file of it is too young.
    private static func removeContent(_ store: Store, _ archive: any ContentStore) async throws {
        var last: ContentHash?
        while case let left = try await store.leftContent(after: last), !left.isEmpty {
            for hash in left { _ = try await archive.remove(hash, olderThan: .zero) }
            try await store.settleContent(left)
            last = left.last
        }
    }
}

/// Why a user cannot be purged.
enum PurgeRefusal: Error, CustomStringConvertible {
    case running(String, processID: Int32?)

    var description: String {
        switch self {
        case .running(let path, let processID):
            "fluxqd\(processID.map { " (process id \($0))" } ?? "") is running on \(path). Stop it first: systemctl stop "
                + "fluxqd.socket fluxqd.service. Nothing was deleted."
        }
    }
}
