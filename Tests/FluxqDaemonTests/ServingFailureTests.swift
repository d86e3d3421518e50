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
                InheritedSockets.Invalid.count("two\nsockets"),
                "systemd passed \"two\u{FFFD}sockets\" sockets, which does not agree with their names. Restart "
                    + "fluxqd.socket and fluxqd-http.socket."
            ),
            (
                InheritedSockets.Invalid.severalControlSockets(2),
                "systemd passed 2 control sockets, but fluxqd takes one. Leave one ListenStream= in fluxqd.socket. A "
                    + "unit with TCP ports needs FileDescriptorName=http."
            ),
            (
                InheritedSockets.Invalid.notLoopback,
                "A socket that systemd passed as http is not a listening TCP socket of a loopback address. Give "
                    + "fluxqd-http.socket only such as ListenStream=127.0.0.1:7839, and Accept=no."
            ),
            (
                ListeningPortError.inUse(LoopbackAddress(.v6, port: 7839)),
                "Another program listens at [::1]:7839, or at that port of every address. Find it with: "
                    + "ss -ltnp sport = :7839. Stop it, or set another port in listen.http."
            ),
            (
                ListeningPortError.notPermitted(LoopbackAddress(.v4(127, 0, 0, 1), port: 80)),
                "fluxqd has no permission to listen at 127.0.0.1:80. Set a port from 1024 on in listen.http, or let "
                    + "systemd bind it: set ListenStream=127.0.0.1:80 in fluxqd-http.socket."
            ),
            (
                ListeningPortError.noSuchAddress(LoopbackAddress(.v6, port: 7839)),
                "This host has no address [::1]. Remove [::1]:7839 from listen.http."
            ),
            (
                SocketDiagnosis.Failure.blind,
                "The kernel cannot say who connects over TCP (sock_diag: it does not report an open connection). Load "
                    + "its module (modprobe tcp_diag), allow AF_NETLINK in RestrictAddressFamilies= of the unit, or "
                    + "remove listen.http and stop fluxqd-http.socket."
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
