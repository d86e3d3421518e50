import Dispatch
import Glibc
import Synchronization

/// Prints a message when a signal ends this program: what was done, and what continues without it.
///
/// The signals are those of Ctrl-C (SIGINT), `kill` (SIGTERM) and the end of the terminal (SIGHUP).
struct Interruption {
    /// The exit status that a shell reports for a program that the signal ended.
    static func exitCode(_ signal: Int32) -> Int32 { 128 + signal }

    private final class Words: Sendable {
        let text: Mutex<String>

        init(_ text: String) {
            self.text = Mutex(text)
        }
    }

    private let words: Words
    private let sources: [(signal: Int32, source: any DispatchSourceSignal)]

    /// From now on, such a signal prints `text` and ends the program.
    init(saying text: String, on console: Console) {
        let words = Words(text)
        self.words = words
        // `nohup` ignores SIGHUP; ignored signals stay ignored.
        sources = [SIGINT, SIGTERM, SIGHUP].filter { !Self.isIgnored($0) }.map { number in
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                LiveLine(console).clear()
                console.note(words.text.withLock { $0 })
                PartialFiles.remove()
                exit(Self.exitCode(number))
            }
            // Until the source is registered, the signal would end the program without a message.
            let registered = DispatchSemaphore(value: 0)
            source.setRegistrationHandler { registered.signal() }
            source.resume()
            registered.wait()
            return (number, source)
        }
    }

    /// Sets the message for later signals.
    func say(_ text: String) {
        words.text.withLock { $0 = text }
    }

    /// From now on, such signals end the program without a message again.
    func end() {
        for (number, source) in sources {
            source.cancel()
            signal(number, SIG_DFL)
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }
}
