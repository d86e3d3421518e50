/// Why a sandbox cannot start or its ledger cannot be kept.
package enum SandboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `errno` says why.
    case file(path: String, doing: String, errno: Int32)
    case portTaken(Int)
    /// zlib had none.
    case noMemory
    /// A line of the ledger that is no entry; lines are counted from 1.
    case ledgerLine(path: String, line: Int)

    package var description: String {
        switch self {
        case .file(let path, let doing, let errno):
            "cannot \(doing) \(path): \(describe(errno: errno)). Make its directory writable or choose another one."
        case .portTaken(let port):
            "port \(port) of 127.0.0.1 is taken. Choose another port for the sandbox or leave the choice to it."
        case .noMemory: "there was no memory to compress an answer. Ask for a smaller picture."
        case .ledgerLine(let path, let line):
            "line \(line) of \(path) is not an entry of the ledger. Move the file away to begin a new one."
        }
    }
}
