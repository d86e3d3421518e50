import Foundation

/// A TCP socket that listens on a free port of 127.0.0.1.
package struct LoopbackListener: Sendable {
    package let descriptor: Int32
    package let port: Int

    /// - Parameter receiveBufferBytes: the buffer size of its connections; nil leaves it to the system.
    package init(receiveBufferBytes: Int32? = nil) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, socklen_t(MemoryLayout<Int32>.size))
        }
        port = try bindToLoopback(descriptor)
        guard listen(descriptor, 128) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        self.descriptor = descriptor
    }
}
