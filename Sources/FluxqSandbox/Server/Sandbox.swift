import HummingbirdCore
package import Logging
import NIOCore
import NIOPosix

/// A stand-in of the images API over real HTTP on a loopback port. It rejects what the vendor's page does not allow,
/// answers with real pictures, and follows words in the prompt (`SandboxWord`). It bills nobody: its ledger records
/// what the vendor would have billed.
package final class Sandbox: Sendable {
    package struct Configuration: Sendable {
        /// The directory for the ledger, the port number and the links' secret; created with mode 0700 if it is
        /// missing.
        package var directory: String
        /// The duration of a billed call.
        package var latency: Duration
        package var linkLifetime: Duration
        /// nil for the last port if it is free, otherwise any free one.
        package var port: Int?
        /// Returns the only accepted key, at every call; nil to accept any key.
        package var key: (@Sendable () -> String)?

        package init(
            directory: String, latency: Duration, linkLifetime: Duration = .seconds(7 * 86_400), port: Int? = nil,
            key: (@Sendable () -> String)? = nil
        ) {
            self.directory = directory
            self.latency = latency
            self.linkLifetime = linkLifetime
            self.port = port
            self.key = key
        }
    }

    package let port: Int
    package let ledger: SandboxLedger
    private let calls: LiveCalls
    private let listening: Listening

    private struct Listening {
        let port: Int
        let server: Server<HTTP1Channel>
        let running: Task<Void, any Error>
    }

    /// The base URL of the API for clients.
    package var baseURL: String { "http://127.0.0.1:\(port)/v1" }

    private init(ledger: SandboxLedger, calls: LiveCalls, listening: Listening) {
        port = listening.port
        self.ledger = ledger
        self.calls = calls
        self.listening = listening
    }

    /// Listens on 127.0.0.1. Earlier links from the same directory work again if the port is the same.
    ///
    /// - Throws: `SandboxError`; the system's error if no port can be opened at all.
    package static func start(_ configuration: Configuration, logger: Logger) async throws -> Sandbox {
        let ledger = SandboxLedger(directory: configuration.directory)
        let (secret, lastPort, writer) = try await NIOThreadPool.singleton.runIfActive {
            let directory = SandboxDirectory(path: configuration.directory)
            try SandboxFile.createDirectory(directory.path)
            return (try directory.secret(), try directory.lastPort(), try LedgerWriter(ledger))
        }
        let responder = SandboxResponder(
            configuration: configuration, ledger: writer, signer: FileLinkSigner(secret: secret), logger: logger)

        let wanted = configuration.port ?? lastPort ?? 0
        let listening: Listening
        do {
            listening = try await listen(on: wanted, responder)
        } catch let error as IOError where error.errnoCode == EADDRINUSE && wanted != 0 {
            guard configuration.port == nil else { throw SandboxError.portTaken(wanted) }
            logger.warning(
                "The sandbox's last port is taken; links given out earlier are dead",
                metadata: [
                    "port": "\(wanted)"
                ])
            listening = try await listen(on: 0, responder)
        }
        let sandbox = Sandbox(ledger: ledger, calls: responder.live, listening: listening)
        do {
            try await NIOThreadPool.singleton.runIfActive {
                try SandboxDirectory(path: configuration.directory).record(port: sandbox.port)
            }
        } catch {
            await sandbox.shutdown()
            throw error
        }
        return sandbox
    }

    /// Stops listening and ends every call immediately, waiting ones included.
    package func shutdown() async {
        calls.stop()
        // Shut down gracefully, not canceled: cancellation would drop accepted connections that are not served yet,
        // which NIO's channels do not allow. The server's own result no longer matters.
        _ = try? await listening.server.shutdownGracefully()
        _ = await listening.running.result
    }

    private static func listen(
        on port: Int, _ responder: SandboxResponder
    ) async throws -> Listening {
        let (started, starting) = AsyncThrowingStream.makeStream(of: Int.self)
        let channel = HTTP1Channel(
            responder: { request, writer, channel in try await responder.respond(request, writer, channel) },
            configuration: .init(additionalChannelHandlers: [GivenUpHandler()]))
        let server = Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                starting.yield(channel.localAddress?.port ?? port)
                starting.finish()
            }, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: responder.logger)
        // Not a child of this task: the server runs until `shutdown`, which waits for its end.
        let running = Task {
            do {
                try await server.run()
            } catch {
                starting.finish(throwing: error)
                throw error
            }
        }
        for try await port in started { return Listening(port: port, server: server, running: running) }
        throw CancellationError()
    }
}
