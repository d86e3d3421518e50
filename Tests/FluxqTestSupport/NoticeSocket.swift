import Foundation

/// Receives a daemon's notices to its service manager.
package final class NoticeSocket: Sendable {
    package struct Failure: Error {
        package let what: String
    }

    /// The full wait happens only if a daemon hangs and sends nothing.
    private static let patienceSeconds = 1500

    package let path: String
    private let descriptor: CInt

    package init(path: String) throws {
        self.path = path
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var patience = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        guard withAddress({ bind(descriptor, $0, $1) }) == 0 else { throw Failure(what: "cannot bind \(path)") }
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    /// The next notice; empty if none comes.
    package func receive() async -> String {
        let descriptor = descriptor
        return await OwnThread.run {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        }
    }

    /// Ends a `receive` with an empty notice, for example because the sender is dead.
    package func endWaiting() {
        _ = withAddress { sendto(descriptor, "", 0, Int32(MSG_DONTWAIT), $0, $1) }
    }

    private func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
