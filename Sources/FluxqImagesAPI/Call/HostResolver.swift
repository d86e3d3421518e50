import Glibc
import NIOCore
import NIOPosix

/// Resolves names with the system's resolver, on its own threads: it blocks for seconds if no name server answers.
struct HostResolver: Sendable {
    struct Unresolved: Error {
        /// Such as "the name cdn.example could not be resolved: …".
        let message: String
    }

    private let threads: NIOThreadPool

    init() {
        threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
    }

    func shutdown() async {
        do {
            try await threads.shutdownGracefully()
        } catch {
            // The threads have ended already, which is the goal.
        }
    }

    /// Returns every address of the link's host, in the system's order of preference.
    func addresses(of link: Link) async throws -> [SocketAddress] {
        if let address = link.literalAddress { return [address] }
        return try await threads.runIfActive { try Self.resolve(link.host, port: link.port) }
    }

    private static func resolve(_ host: String, port: Int) throws(Unresolved) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else {
            let reason = gai_strerror(status).map { String(cString: $0) } ?? "error \(status)"
            throw Unresolved(message: "the name \(host) could not be resolved: \(reason)")
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            if let address = address(of: entry), !addresses.contains(address) { addresses.append(address) }
        }
        guard !addresses.isEmpty else { throw Unresolved(message: "the name \(host) has no address") }
        return addresses
    }

    private static func address(of entry: addrinfo) -> SocketAddress? {
        guard let pointer = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET:
            return pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6:
            return pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: return nil
        }
    }
}
