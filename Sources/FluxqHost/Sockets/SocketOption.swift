import Glibc

/// The options of a socket itself: socket(7).
enum SocketOption {
    /// nil if the descriptor is not a socket.
    static func read(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
    }
}
