package import FluxqModel

extension HoldCode: WordedCode {
    package var words: String {
        switch self {
        case .call(let trouble): trouble.words
        case .failing(let calls, let last): "\(calls) calls in a row have failed, the last one with: \(last.words)"
        case .undelivered(let trouble): trouble.words
        }
    }
}

extension Shortage.Cause: WordedCode {
    private static let remedy = "An administrator must free disk space; then calls continue automatically."

    package var words: String {
        switch self {
        case .space(let free, let needed):
            "The disk with fluxqd's state directory has \(free) MiB free; the next call needs "
                + "\(needed) MiB. That is downloads.max_bytes for each new picture and for each one still in "
                + "flight. \(Self.remedy)"
        case .files(let free, let needed):
            "The file system with fluxqd's state directory has \(free) free inodes (df -i); the next call needs "
                + "\(needed). \(Self.remedy)"
        case .full:
            "The disk with fluxqd's state directory is full, or fluxqd has reached its quota. Paid pictures wait for "
                + "space, and nothing is lost. \(Self.remedy)"
        case .unreadable(let why): "Cannot read the free space of the disk: \(why). fluxqd tries again."
        }
    }
}
