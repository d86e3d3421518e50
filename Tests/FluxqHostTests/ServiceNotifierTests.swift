import FluxqTestSupport
import Foundation
import Glibc
import Testing

@testable import FluxqHost

@Suite struct ServiceNotifierTests {
    /// The service manager's end of the protocol.
    private final class Manager {
        let descriptor: Int32

        init(_ name: String) throws {
            descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
            try #require(descriptor >= 0)
            let address = try #require(UnixSocketAddress(name))
            try #require(address.withSocketAddress { Glibc.bind(descriptor, $0, $1) } == 0)
        }

        deinit { close(descriptor) }

        /// The next datagram that has already arrived; nil if there is none.
        func next() -> String? {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
        }
    }

    private let temporary: TemporaryDirectory

    init() throws {
        temporary = try TemporaryDirectory()
    }

    @Test(
        "each message arrives as the protocol writes it, on a path and on an abstract name", arguments: [false, true])
    func messages(isAbstract: Bool) throws {
        let name = isAbstract ? "@host-test-\(UUID().uuidString)" : temporary.path("notify")
        let manager = try Manager(name)
        let notifier = try ServiceNotifier(environment: ["NOTIFY_SOCKET": name])
        try notifier.send(.ready)
        try notifier.send(.watchdog)
        try notifier.send(.stopping, .extendTimeout(.seconds(130)), .status("2 calls in flight\nREADY=1"))
        try notifier.send(.status(String(repeating: "é", count: 1000)))
        try notifier.send()
        #expect(manager.next() == "READY=1")
        #expect(manager.next() == "WATCHDOG=1")
        #expect(manager.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=130000000\nSTATUS=2 calls in flight READY=1")
        #expect(manager.next() == "STATUS=" + String(repeating: "é", count: 256))
        #expect(manager.next() == nil)
    }

    @Test("without a service manager nothing happens", arguments: [[:], ["NOTIFY_SOCKET": ""]])
    func noManager(environment: [String: String]) throws {
        try ServiceNotifier(environment: environment).send(.ready, .watchdog)
    }

    @Test("a service manager that is gone is an error, not a crash")
    func managerGone() throws {
        let notifier = try ServiceNotifier(environment: ["NOTIFY_SOCKET": temporary.path("nobody")])
        #expect(throws: ServiceNotifier.Failure.self) { try notifier.send(.ready) }
    }

    @Test(
        "an invalid address is refused at the start",
        arguments: ["notify", "vsock:2:1234", "/" + String(repeating: "x", count: 200)])
    func badAddress(name: String) {
        #expect(throws: ServiceNotifier.Failure.self) { try ServiceNotifier(environment: ["NOTIFY_SOCKET": name]) }
    }
}

@Suite struct WatchdogIntervalTests {
    @Test("a program speaks twice in each interval")
    func pause() throws {
        let interval = try #require(
            WatchdogInterval(environment: ["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"], processID: 7))
        #expect(interval.timeout == .seconds(30))
        #expect(interval.pause == .seconds(15))
        #expect(WatchdogInterval(environment: ["WATCHDOG_USEC": "1000"])?.pause == .microseconds(500))
    }

    @Test(
        "no watchdog, or one for another process, needs no notification",
        arguments: [
            [:], ["WATCHDOG_USEC": "0"], ["WATCHDOG_USEC": "-1"], ["WATCHDOG_USEC": "soon"],
            ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "8"], ["WATCHDOG_USEC": "1000", "WATCHDOG_PID": "x"],
        ])
    func none(environment: [String: String]) {
        #expect(WatchdogInterval(environment: environment, processID: 7) == nil)
    }
}
