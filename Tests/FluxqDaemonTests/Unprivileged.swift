import Glibc
import Testing

/// Does something without root's power over permissions. For exit tests alone: the user is the whole process's.
enum Unprivileged {
    static let uid: uid_t = 65533

    static func run(_ body: () throws -> Void) rethrows {
        let isRoot = geteuid() == 0
        if isRoot { #expect(seteuid(uid) == 0) }
        defer { if isRoot { #expect(seteuid(0) == 0) } }
        try body()
    }
}
