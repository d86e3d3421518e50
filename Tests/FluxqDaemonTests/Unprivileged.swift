import Glibc
import Testing

/// Runs a body without root's permissions. Only for exit tests: the user of the whole process changes.
enum Unprivileged {
    static let uid: uid_t = 65533

    static func run(_ body: () throws -> Void) rethrows {
        let isRoot = geteuid() == 0
        if isRoot { #expect(seteuid(uid) == 0) }
        defer { if isRoot { #expect(seteuid(0) == 0) } }
        try body()
    }
}
