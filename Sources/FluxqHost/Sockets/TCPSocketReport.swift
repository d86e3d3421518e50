/// What the kernel reports about one end of a TCP connection: sock_diag(7).
package struct TCPSocketReport: Hashable, Sendable {
    /// The numbers of the kernel.
    package enum State: UInt8, Hashable, Sendable {
        case established = 1
        case synSent, synReceived, finWait1, finWait2, timeWait, closed, closeWait, lastAck, listening, closing
        case newSynReceived
    }

    /// The user who made the socket, as a uid of this process's user namespace; 65534 if it has none there. Of a closed
    /// socket the kernel reports 0.
    package let uid: UInt32
    /// 0 once no process has the socket.
    package let inode: UInt32
    package let state: State
    /// Bytes that have arrived here and that no process has read.
    package let unreadBytes: UInt32
    /// Bytes that were written here and that the other end has not acknowledged.
    package let unacknowledgedBytes: UInt32

    /// True if a process has the socket and neither end has closed its side. Only then `uid` names anybody.
    package var isOpen: Bool { state == .established && inode != 0 }
}

/// The two ends of a TCP connection between programs of this host.
package struct LoopbackConnection: Hashable, Sendable {
    package let own: LoopbackAddress
    package let peer: LoopbackAddress

    package init(own: LoopbackAddress, peer: LoopbackAddress) {
        self.own = own
        self.peer = peer
    }

    /// The socket at the other end; nil if this process's network namespace has none, such as of a peer that is in
    /// another one, or that has closed and is forgotten.
    package func peerReport() throws(SocketDiagnosis.Failure) -> TCPSocketReport? {
        try SocketDiagnosis.report(on: peer, connectedTo: own)
    }

    /// Whether the peer's program has read every byte that was written here. False also while the last acknowledgement is
    /// late, which takes up to 0.2 s: ask again. nil if either end is not found, or if no process has the peer's socket.
    package func peerHasReadEverything() throws(SocketDiagnosis.Failure) -> Bool? {
        // In this order: bytes that have left the first queue before the second question are in the second one, or read.
        guard let ours = try SocketDiagnosis.report(on: own, connectedTo: peer), let theirs = try peerReport(),
            theirs.inode != 0
        else { return nil }
        return ours.unacknowledgedBytes == 0 && theirs.unreadBytes == 0
    }
}
