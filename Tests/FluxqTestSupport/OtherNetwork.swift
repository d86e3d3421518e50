import Foundation

/// A network namespace of a test's own, as a container has one.
package enum OtherNetwork {
    package struct Failure: Error {
        package let what: String
    }

    private static let ip = "/usr/sbin/ip"

    /// Only root can make one.
    package static var isPossible: Bool { getuid() == 0 && FileManager.default.isExecutableFile(atPath: ip) }

    /// Runs `work` in a new namespace whose loopback device is up. Sockets made there stay in it.
    package static func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        // The namespace belongs to the thread, which ends with the work.
        try await OwnThread.run {
            Result {
                try enter()
                return try work()
            }
        }.get()
    }

    private static func enter() throws {
        // Glibc's module has only what C has without GNU's extensions.
        typealias Unshare = @convention(c) (Int32) -> Int32
        let newNetwork: Int32 = 0x4000_0000
        guard let symbol = dlsym(nil, "unshare") else { throw Failure(what: "the C library has no unshare") }
        guard unsafeBitCast(symbol, to: Unshare.self)(newNetwork) == 0 else {
            throw POSIXError(.init(rawValue: errno) ?? .EIO)
        }
        guard system("\(ip) link set lo up") == 0 else { throw Failure(what: "the loopback device does not start") }
    }
}
