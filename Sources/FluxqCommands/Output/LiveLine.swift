/// One line on standard error that is overwritten as things change. Prints nothing if standard error is not a terminal.
struct LiveLine {
    private let console: Console

    init(_ console: Console) {
        self.console = console
    }

    var isShown: Bool { console.liveWidth != nil }

    func show(_ text: String) {
        guard let width = console.liveWidth else { return }
        console.show("\r\u{1B}[K" + TerminalText.truncated(text, toColumns: width - 1))
    }

    func clear() {
        if isShown { console.show("\r\u{1B}[K") }
    }
}
