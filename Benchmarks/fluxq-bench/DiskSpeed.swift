import Glibc
import NIOPosix

/// The disk's maximum speed: appends of 4 KiB with fdatasync, one after the other.
enum DiskSpeed {
    static func measure(_ scale: Scale, _ work: WorkDirectory) async throws -> [Figure] {
        let path = work.path("syncs")
        let elapsed = try await NIOThreadPool.singleton.runIfActive { () throws -> Duration in
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
            guard descriptor >= 0 else { throw Failure("Cannot write \(path) (errno \(errno)).") }
            defer { close(descriptor) }
            let page = [UInt8](repeating: 1, count: 4096)
            let start = ContinuousClock.now
            for _ in 0..<scale.syncs {
                guard write(descriptor, page, page.count) == page.count, fdatasync(descriptor) == 0 else {
                    throw Failure("Cannot write \(path) (errno \(errno)).")
                }
            }
            return .now - start
        }
        return [
            Figure(
                name: "fdatasync of 4 KiB", value: Double(scale.syncs) / (elapsed / .seconds(1)), unit: "/s",
                note: "the disk alone, for comparison")
        ]
    }
}
