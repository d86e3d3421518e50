import Foundation

/// A port of 127.0.0.1 that is reserved, but on which nothing listens. A port that was merely released may belong to
/// another test a moment later.
package final class ClosedPort: Sendable {
    package let number: Int
    private let descriptor: Int32

    package init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        number = try bindToLoopback(descriptor)
    }

    deinit {
        close(descriptor)
    }
}

/// Binds a socket to a free port of 127.0.0.1.
func bindToLoopback(_ descriptor: Int32) throws -> Int {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, size) + getsockname(descriptor, pointer, &size)
        }
    }
    guard result == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    return Int(UInt16(bigEndian: address.sin_port))
}
