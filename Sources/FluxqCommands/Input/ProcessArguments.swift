import Glibc

/// The arguments of this process.
enum ProcessArguments {
    /// Returns the arguments after the program's name, byte for byte. Then blanks all but the verb in this process's
    /// memory, from which the kernel shows them to every user of the host (`/proc/PID/cmdline`, `ps`).
    ///
    /// Must be called once, before anything else: until then the arguments are visible.
    static func take() -> [[UInt8]] {
        let count = Int(CommandLine.argc)
        let vector = CommandLine.unsafeArgv
        var words: [[UInt8]] = []
        for place in 1..<max(count, 1) {
            guard let word = vector[place] else { break }
            let bytes = UnsafeRawBufferPointer(start: word, count: strlen(word))
            words.append(Array(bytes))
            let isVerb = place == 1 && VerbWords(named: words[0]) != nil
            // The NUL bytes after the arguments stay: without the last one, the kernel would show the environment as
            // well.
            if !isVerb { memset(word, 0, bytes.count) }
        }
        return words
    }
}
