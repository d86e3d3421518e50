package import Glibc

/// Does something without root's power over permissions. For exit tests alone: the user is the whole process's.
package enum Unprivileged {
    package static let uid: uid_t = 65533

    package static func run(_ body: () throws -> Void) rethrows {
        let isRoot = geteuid() == 0
        if isRoot { precondition(seteuid(uid) == 0) }
        defer { if isRoot { precondition(seteuid(0) == 0) } }
        try body()
    }
}
