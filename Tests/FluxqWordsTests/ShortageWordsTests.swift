import FluxqModel
import FluxqWords
import Testing

@Suite("A full disk in words")
struct ShortageWordsTests {
    private static let remedy = "An administrator must free disk space; then calls continue automatically."

    @Test(
        "says what there is and what is needed, and what to do",
        arguments: [
            (
                Shortage.Cause.space(freeMiB: 3, neededMiB: 160),
                "The disk with fluxqd's state directory has 3 MiB free; the next call needs 160 MiB. That is "
                    + "downloads.max_bytes for each new picture and for each one still in flight. \(remedy)"
            ),
            (
                .files(free: 2, needed: 17),
                "The file system with fluxqd's state directory has 2 free inodes (df -i); the next call needs 17. \(remedy)"
            ),
            (
                .full,
                "The disk with fluxqd's state directory is full, or fluxqd has reached its quota. Paid pictures wait for "
                    + "space, and nothing is lost. \(remedy)"
            ),
            (
                .unreadable(why: "Input/output error"),
                "Cannot read the free space of the disk: Input/output error. fluxqd tries again."
            ),
        ])
    func words(cause: Shortage.Cause, words: String) {
        #expect(cause.words == words)
    }
}
