import FluxqHost
import SystemPackage
import Testing

@testable import FluxqDaemon

@Suite("A socket that cannot be served, or a service manager that cannot be notified")
struct ServingFailureTests {
    @Test(
        "says why and what to do",
        arguments: [
            (
                ListeningSocketError.inUse("/run/s"),
                "Another fluxqd listens at /run/s. Stop that one first, or name another path with --socket."
            ),
            (
                ListeningSocketError.badPath("/" + String(repeating: "x", count: 107)),
                "The socket's path has 108 bytes, but Linux takes at most 107: \"/" + String(repeating: "x", count: 59)
                    + "…\". Name a shorter one with --socket."
            ),
            (
                ListeningSocketError.failed("/run/s", SystemError("bind", code: .ioError)),
                "fluxqd cannot listen at /run/s (bind: Input/output error). Name another path with --socket."
            ),
            (
                InheritedSocket.Invalid.count("two\nsockets"),
                "systemd passed \"two\u{FFFD}sockets\" sockets, but fluxqd takes one. Leave one ListenStream= in "
                    + "fluxqd.socket."
            ),
            (
                ServiceNotifier.Failure.badAddress("notify"),
                "$NOTIFY_SOCKET is \"notify\", which is no Unix socket's address. Unset it outside of systemd."
            ),
            (
                ServiceNotifier.Failure.failed(SystemError("sendto", code: .noSuchFileOrDirectory)),
                "The service manager cannot be notified (sendto: No such file or directory). Check $NOTIFY_SOCKET."
            ),
        ] as [(any Error, String)])
    func words(error: any Error, text: String) {
        #expect("\(error)" == text)
    }
}
