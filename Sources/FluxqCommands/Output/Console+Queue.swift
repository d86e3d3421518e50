import FluxqControl
import FluxqControlClient

extension Console {
    /// How the queue is, after a wish about it.
    func print(queue: Answered<QueueDocument>) throws {
        if json {
            try print(JSONText.value(queue.json))
        } else {
            try print(QueueSummary(queue: queue.document).lines(presentation))
        }
    }
}
