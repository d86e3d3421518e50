package import Logging
import ServiceLifecycle

/// Cancels the queued jobs that no client waits for any more.
package struct AbandonedJobs: Service {
    private let room: WaitingRoom
    private let logger: Logger

    package init(_ room: WaitingRoom, logger: Logger) {
        self.room = room
        self.logger = logger
    }

    package func run() async {
        await cancelWhenGracefulShutdown {
            await room.run { error in
                logger.warning("Cannot cancel jobs whose clients have gone.", metadata: ["error": "\(error)"])
            }
        }
    }
}
