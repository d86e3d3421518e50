package import SystemPackage

/// The reason why a sandbox cannot start or write its ledger.
package enum SandboxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error number has the reason.
    case file(path: String, doing: String, Errno)
    case portTaken(Int)
    /// zlib could not allocate memory.
    case noMemory
    /// A line of the ledger is not an entry; lines are counted from 1.
    case ledgerLine(path: String, line: Int)

    package var description: String {
        switch self {
        case .file(let path, let doing, let code):
            "cannot \(doing) \(path): \(code). Make its directory writable or choose another one."
        case .portTaken(let port):
            "port \(port) of 127.0.0.1 is taken. Choose another port for the sandbox or leave the choice to it."
        case .noMemory: "there was no memory to compress an answer. Ask for a smaller picture."
        case .ledgerLine(let path, let line):
            "line \(line) of \(path) is not an entry of the ledger. Move the file away to begin a new one."
        }
    }
}
