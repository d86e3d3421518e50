import NIOCore
import NIOPosix
import Synchronization

/// Finds a reachable address of a host (RFC 8305). It tries one address after the other, a quarter of a second apart or
/// as soon as the previous one has failed. The first that connects wins. An address that never answers costs no more
/// than that.
enum AddressRace {
    /// The time between the starts of two tries (RFC 8305, section 8).
    static let stagger = Duration.milliseconds(250)

    private enum Moment {
        case reached(SocketAddress)
        case failed(any Error)
        /// The next try may begin.
        case due
    }

    /// Returns the addresses in the order of the tries. The two families alternate, and the system's first address is
    /// first.
    static func inTurn(_ addresses: [SocketAddress]) -> [SocketAddress] {
        guard let first = addresses.first else { return [] }
        let same = addresses.filter { $0.protocol == first.protocol }
        let other = addresses.filter { $0.protocol != first.protocol }
        var result: [SocketAddress] = []
        for place in 0..<max(same.count, other.count) {
            if place < same.count { result.append(same[place]) }
            if place < other.count { result.append(other[place]) }
        }
        return result
    }

    /// - Parameter connect: returns when the address has been reached.
    /// - Returns: the address that was reached first.
    /// - Throws: the first failure, after all addresses have failed.
    static func winner(
        among addresses: [SocketAddress], stagger: Duration = stagger,
        connect: @escaping @Sendable (SocketAddress) async throws -> Void = probe
    ) async throws -> SocketAddress {
        var waiting = addresses[...]
        return try await withThrowingTaskGroup(of: Moment.self) { group in
            var running = 0
            var failure: (any Error)?
            func beginNext() {
                guard let address = waiting.popFirst() else { return }
                running += 1
                group.addTask {
                    do {
                        try await connect(address)
                        return .reached(address)
                    } catch {
                        return .failed(error)
                    }
                }
                guard !waiting.isEmpty else { return }
                group.addTask {
                    // Ends early only if the race is over.
                    try? await Task.sleep(for: stagger)
                    return .due
                }
            }
            beginNext()
            while running > 0, let moment = try await group.next() {
                switch moment {
                case .reached(let address):
                    group.cancelAll()
                    return address
                case .failed(let error):
                    running -= 1
                    failure = failure ?? error
                    if !Task.isCancelled { beginNext() }
                case .due:
                    if !Task.isCancelled { beginNext() }
                }
            }
            throw failure ?? CancellationError()
        }
    }

    /// Connects and disconnects. Ends immediately if canceled.
    static func probe(_ address: SocketAddress) async throws {
        let connecting = Connecting()
        let bootstrap = ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(.init(ImagesClient.Limits.connect))
            .channelInitializer { channel in
                connecting.began(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
        try await withTaskCancellationHandler {
            let channel = try await bootstrap.connect(to: address).get()
            channel.close(promise: nil)
        } onCancel: {
            connecting.giveUp()
        }
    }

    /// The channel of a probe, which may be given up before it exists.
    private final class Connecting: Sendable {
        private let state = Mutex<(channel: (any Channel)?, isGivenUp: Bool)>((nil, false))

        func began(_ channel: any Channel) {
            let isGivenUp = state.withLock { state in
                state.channel = channel
                return state.isGivenUp
            }
            if isGivenUp { channel.close(promise: nil) }
        }

        func giveUp() {
            let channel = state.withLock { state in
                state.isGivenUp = true
                return state.channel
            }
            channel?.close(promise: nil)
        }
    }
}
