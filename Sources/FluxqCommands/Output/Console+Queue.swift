import FluxqControl
import FluxqControlClient

extension Console {
    /// Prints the queue after a pause, a resume or a settled user.
    func print(queue: Answered<QueueDocument>) throws {
        if json {
            try print(JSONText.value(queue.json))
        } else {
            try print(QueueSummary(queue: queue.document).lines(presentation))
        }
    }
}
