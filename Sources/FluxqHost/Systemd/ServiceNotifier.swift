import Glibc

/// Reports this program's state to the service manager: the sd_notify(3) protocol, datagrams to `$NOTIFY_SOCKET`. Does
/// nothing if there is no service manager.
package struct ServiceNotifier: Sendable {
    package enum Message: Hashable, Sendable {
        /// It answers on its socket.
        case ready
        /// It is reading its configuration again, since this time of `HostClock.monotonic`; `.ready` ends it.
        case reloading(since: Duration)
        /// It accepts no new work and will end.
        case stopping
        /// The current step may take this long from now, whatever the unit's time limit is.
        case extendTimeout(Duration)
        /// One line for `systemctl status`.
        case status(String)
        /// It is alive; due within `WatchdogInterval.timeout`.
        case watchdog
    }

    package enum Failure: Error, Hashable, Sendable {
        /// `$NOTIFY_SOCKET` is no Unix socket's address.
        case badAddress(String)
        case failed(SystemError)
    }

    private static let maxStatusBytes = 512
    private let address: UnixSocketAddress?

    /// - Throws: if `$NOTIFY_SOCKET` is not a valid address.
    package init(environment: [String: String]) throws(Failure) {
        guard let name = environment["NOTIFY_SOCKET"], !name.isEmpty else {
            address = nil
            return
        }
        guard name.hasPrefix("/") || name.hasPrefix("@"), let address = UnixSocketAddress(name) else {
            throw .badAddress(name)
        }
        self.address = address
    }

    /// Sends all messages in one datagram. The socket accepts it immediately as long as the service manager lives.
    package func send(_ messages: Message...) throws(Failure) {
        guard let address, !messages.isEmpty else { return }
        let datagram = Array(messages.map(\.line).joined(separator: "\n").utf8)
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .failed(SystemError("socket")) }
        defer { close(descriptor) }
        let sent = address.withSocketAddress { address, length in
            sendto(descriptor, datagram, datagram.count, Int32(MSG_NOSIGNAL), address, length)
        }
        guard sent == datagram.count else { throw .failed(SystemError("sendto")) }
    }

    fileprivate static func oneLine(_ text: String) -> String {
        var line = ""
        for character in text.map({ $0.isNewline ? " " : $0 }) where line.utf8.count < maxStatusBytes {
            line.append(character)
        }
        return line
    }
}

extension ServiceNotifier.Message {
    fileprivate var line: String {
        switch self {
        case .ready: "READY=1"
        case .reloading(let moment): "RELOADING=1\nMONOTONIC_USEC=\(moment.wholeMicroseconds)"
        case .stopping: "STOPPING=1"
        case .extendTimeout(let duration): "EXTEND_TIMEOUT_USEC=\(duration.wholeMicroseconds)"
        case .status(let text): "STATUS=\(ServiceNotifier.oneLine(text))"
        case .watchdog: "WATCHDOG=1"
        }
    }
}
