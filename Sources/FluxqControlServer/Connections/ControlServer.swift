package import FluxqArchive
package import FluxqHost
import FluxqMaintenance
package import FluxqModel
package import FluxqStore
import HTTPTypes
import HummingbirdCore
package import Logging
import NIOCore
import NIOHTTPTypes
import NIOPosix
import ServiceLifecycle

/// The control interface: HTTP/1.1 with JSON on a Unix socket, and on TCP ports of loopback addresses.
///
/// ```
/// accept ──> which uid? (Peer) ──> ClientConnection ──> whose is it? (Callers) ──> Routes ──> one file per route
/// ```
package struct ControlServer: Service {
    /// The configured settings, and limits that only tests change.
    package struct Settings: Sendable {
        /// The available models.
        package var catalog: ModelCatalog
        /// Price of one image, by model.
        package var prices: [String: StorePolicy.Price]
        /// `inputs.max_bytes`.
        package var maxInputBytes: Int64
        /// True if a link sent instead of a picture may lead outside the public Internet: `inputs.private_links`.
        package var allowsPrivateLinks: Bool
        /// Draws one of `EditRequest.Bounds.drawnSeeds`.
        package var drawSeed: @Sendable () -> Int64
        package var administrators: Administrators
        /// True if uids that the user database does not know are users: `access.unknown_users`.
        package var admitsUnknownUsers: Bool
        /// For administrators, in the overview of the queue: settings that are allowed but unsafe.
        package var warnings: [String] = []
        package var maxConnections = 512
        /// The part of `maxConnections` reserved for administrators.
        package var administratorsConnections = 8
        package var maxConnectionsPerUser = 64
        /// Time after which an idle connection is closed. A request's head must arrive completely within it, and the
        /// client must read each piece of an answer.
        package var idleTime = Duration.seconds(60)
        /// Time within which a body must arrive completely.
        package var bodyTime = Duration.seconds(600)
        /// How long a shutdown waits for a connection's next request.
        package var partingTime = Duration.seconds(1)
        /// How long a shutdown waits for requests in progress.
        package var shutdownGrace = Duration.seconds(10)
        /// The pause between the heartbeats of an event stream.
        package var eventPause = Duration.seconds(15)

        package init(
            catalog: ModelCatalog, prices: [String: StorePolicy.Price] = [:], maxInputBytes: Int64 = 20 << 20,
            allowsPrivateLinks: Bool = false, administrators: Administrators = .init(),
            admitsUnknownUsers: Bool = false,
            drawSeed: @escaping @Sendable () -> Int64 = { .random(in: EditRequest.Bounds.drawnSeeds) }
        ) {
            self.catalog = catalog
            self.prices = prices
            self.maxInputBytes = maxInputBytes
            self.allowsPrivateLinks = allowsPrivateLinks
            self.administrators = administrators
            self.admitsUnknownUsers = admitsUnknownUsers
            self.drawSeed = drawSeed
        }
    }

    /// The listening sockets.
    private let descriptors: [(descriptor: CInt, entrance: Entrance)]
    private let settings: Reloadable<Settings>
    private let logger: Logger
    let routes: Routes
    private let cap: ConnectionCap
    private let users: KnownUsers

    /// - Parameters:
    ///   - fd: a listening Unix socket; `run()` owns and closes it.
    ///   - ports: closed by `run()` as well.
    package init(
        socket fd: CInt, ports: [ListeningPort] = [], store: Store, archive: any ContentStore, settings: Settings,
        users: KnownUsers = KnownUsers(), logger: Logger,
        otherInterface: (Routes) -> (any OtherInterface)? = { _ in nil }
    ) {
        descriptors = [(fd, .socket)] + ports.map { ($0.descriptor, .port($0.address)) }
        self.users = users
        users.prepare()
        self.settings = Reloadable(settings)
        self.logger = logger
        let userLog = UserLog(logger)
        var routes = Routes(
            store: store, archive: archive, quarantine: Quarantine(store: store, archive: archive, logger: logger),
            callers: Callers(users, store: store, settings: self.settings, logger: logger, userLog: userLog),
            settings: self.settings, logger: logger, userLog: userLog)
        routes.otherInterface = otherInterface(routes)
        self.routes = routes
        cap = ConnectionCap(
            perUser: settings.maxConnectionsPerUser, total: settings.maxConnections,
            administrators: settings.administratorsConnections)
    }

    /// Serves until graceful shutdown. Then no new connections are accepted, long polls and event streams end
    /// immediately, and other requests in progress get `Settings.shutdownGrace` to finish.
    package func run() async throws {
        var listeners: [NIOAsyncChannel<Arrival, Never>] = []
        for (descriptor, entrance) in descriptors {
            listeners.append(
                try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    // A client that has closed its sending side still gets the answer.
                    .childChannelOption(.allowRemoteHalfClosure, value: true)
                    .bind(descriptor) { channel in accept(channel, at: entrance) })
        }
        logger.info("The control interface is open.")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [listeners] in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for listener in listeners { group.addTask { try await serve(listener) } }
                    try await group.waitForAll()
                }
            }
            group.addTask {
                try await gracefulShutdown()
                try await Task.sleep(for: settings.current.shutdownGrace)
                logger.info("Requests still in progress are aborted.")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        logger.info("The control interface is closed.")
    }

    /// Applies new settings to requests that begin from now on. The connection limits stay.
    package func reload(_ settings: Settings) {
        self.settings.replace(with: settings)
        users.forget()
    }

    private func serve(_ listener: NIOAsyncChannel<Arrival, Never>) async throws {
        try await withGracefulShutdownHandler {
            try await listener.executeThenClose { arrivals in
                try await withThrowingDiscardingTaskGroup { group in
                    for try await arrival in arrivals {
                        guard let connection = arrival.connection else { continue }
                        group.addTask {
                            await connection.run()
                            withExtendedLifetime(arrival) {}
                        }
                    }
                }
            }
        } onGracefulShutdown: {
            listener.channel.close(promise: nil)
        }
    }

    /// An accepted connection. One that comes just before the shutdown may never be served; it is closed.
    private final class Arrival: Sendable {
        /// nil for a connection that is dropped without an answer.
        let connection: ClientConnection?
        private let channel: any Channel

        init(_ channel: any Channel, _ connection: ClientConnection?) {
            self.connection = connection
            self.channel = channel
            // The network library aborts the process if the connection is released earlier.
            channel.closeFuture.whenComplete { _ in withExtendedLifetime(connection) {} }
        }

        deinit {
            channel.close(promise: nil)
        }
    }

    /// Puts HTTP on a new connection and notes its peer, on the connection's event loop, before its first byte is read.
    private func accept(_ channel: any Channel, at entrance: Entrance) -> EventLoopFuture<Arrival> {
        let idleTime = TimeAmount(settings.current.idleTime)
        // Only its pipeline is used; `ClientConnection` handles the requests.
        let http = HTTP1Channel(
            responder: { _, _, _ in },
            configuration: .init(
                idleTimeout: idleTime,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: Limits.headerBytes, maxHeaderListSize: Limits.headerBytes,
                    maxHeaderFieldCount: Limits.headerFields)))
        return Peer.of(channel, at: entrance).flatMap { peer in
            let place = cap.enter(routes.callers.visitor(peer))
            if place.entry == .turnedAway {
                // Nothing is read, so that the kernel tells the client that it may retry.
                return channel.setOption(.autoRead, value: false).map { Arrival(channel, nil) }
            }
            let state = ConnectionState(of: peer)
            return channel.pipeline.addHandler(state.watch).flatMap {
                http.setup(channel: channel, logger: logger)
            }.map { http in
                Arrival(
                    channel,
                    ClientConnection(
                        channel: http, state: state, place: place, routes: routes, logger: logger))
            }
        }
    }
}
