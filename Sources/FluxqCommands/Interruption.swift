import Dispatch
import Glibc

/// What Ctrl-C says while a job is being waited for: that the job goes on without anybody waiting.
struct Interruption {
    /// As the shell reports a program that SIGINT ended.
    static let exitCode: Int32 = 128 + SIGINT

    private let source: any DispatchSourceSignal

    /// From now on, SIGINT shows `text` and ends the program.
    init(saying text: String, on console: Console) {
        source = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
        source.setEventHandler {
            LiveLine(console).clear()
            console.note(text)
            exit(Self.exitCode)
        }
        source.resume()
    }

    /// SIGINT ends the program without a word again.
    func end() {
        source.cancel()
        signal(SIGINT, SIG_DFL)
    }
}
