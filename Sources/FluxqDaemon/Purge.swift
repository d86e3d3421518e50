import ArgumentParser
import FluxqArchive
import FluxqHost
import FluxqModel
import FluxqStore
import Foundation
import Glibc

/// `fluxqd purge USER`: deletes all data of a user.
struct Purge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Delete all data of a user: jobs, pictures, inputs and events. The daemon must be stopped.",
        discussion: """
            For a deleted account. What the user's calls cost stays recorded, under the user's name and uid. If jobs \
            are queued or running, or pictures are still to be downloaded, nothing is deleted. Cancel those jobs \
            first (fluxq list --all, fluxq cancel ID), or wait.

            Stop fluxqd first, so that no new data of the user arrives meanwhile. It shows what it would delete and \
            asks; without a terminal it needs --yes. Run it as root or as fluxqd's user.

            EXIT STATUS
              0   done, or there was nothing to delete
              1   the user has unfinished jobs, or you did not confirm; nothing was deleted
              64  the command line is invalid
              71  the state directory cannot be opened
              130 interrupted; run it again
            """)

    @OptionGroup var state: StateOptions

    @Flag(help: "Do not ask for confirmation.")
    var yes = false

    @Argument(help: ArgumentHelp("User name or uid.", valueName: "USER"))
    var user: String

    init() {}

    func run() async throws {
        let (user, yes) = (user, yes)
        let path = state.path
        // Looks up the name before the process switches to the state's owner, who may not be able to.
        let known = UInt32(user) == nil ? try? UserDatabase.user(named: user)?.uid : nil
        try await Maintenance.run { _ in
            try StateOwner.become(ownerOf: path)
            try Maintenance.checkIsThere(path)
            let lock = try Self.lock(path)
            defer { lock.release() }
            let store = try Store(path: "\(path)/queue.sqlite", now: { .now() })
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
                "Several users are called \(user): \(uids.map(String.init).joined(separator: ", ")). Give the uid.")
            return EXIT_FAILURE
        }
        guard let uid = uids.first, let found = try await store.purgeable(uid) else {
            print("No user with that name or uid has ever used fluxq: there is nothing to delete.")
            return EX_OK
        }
        let who = "\(found.name) (uid \(uid))"
        guard found.queued == 0, found.running == 0, found.preview.pending == 0 else {
            print(
                "\(who) has \(found.queued) queued jobs, \(found.running) running ones, and "
                    + "\(found.preview.pending) with a paid picture still to download. Start fluxqd, cancel them "
                    + "(fluxq list --all, fluxq cancel ID) or wait. Then run this again. Nothing was deleted.")
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
            print("\(who) still has a job that could not be deleted. Run this again.")
            return EXIT_FAILURE
        }
        try await removeContent(store, archive)
        print("Deleted: \(what). What the calls cost stays recorded.")
        return EX_OK
    }

    private static func confirmed(_ what: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else {
            print(
                "This would delete \(what), but there is no terminal to ask on. To delete without a question, add "
                    + "--yes."
            )
            return false
        }
        print("This deletes \(what), for good. Delete? [y/N] ", terminator: "")
        fflush(nil)
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    /// The daemon is stopped and nothing else writes, so files of any age can be removed.
    private static func removeContent(_ store: Store, _ archive: any ContentStore) async throws {
        var last: ContentHash?
        while case let left = try await store.leftContent(after: last), !left.isEmpty {
            for hash in left { _ = try await archive.remove(hash, olderThan: .zero) }
            try await store.settleContent(left)
            last = left.last
        }
    }
}

/// The reason why a user cannot be purged.
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
