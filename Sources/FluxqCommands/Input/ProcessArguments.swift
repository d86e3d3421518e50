import Glibc

/// The words that this process was started with.
enum ProcessArguments {
    /// The words after the program's name, byte for byte. Everything after the verb is then blanked in this process's memory,
    /// where the kernel reads what every user of the host may see of it (`/proc/PID/cmdline`, `ps`).
    ///
    /// To be called once, before anything else: until then the words can be seen.
    static func take() -> [[UInt8]] {
        let count = Int(CommandLine.argc)
        let vector = CommandLine.unsafeArgv
        var words: [[UInt8]] = []
        for place in 1..<max(count, 1) {
            guard let word = vector[place] else { break }
            let bytes = UnsafeRawBufferPointer(start: word, count: strlen(word))
            words.append(Array(bytes))
            let isVerb = place == 1 && VerbWords(named: words[0]) != nil
            // The bytes that end each word stay: without the last one, the kernel would show the environment as well.
            if !isVerb { memset(word, 0, bytes.count) }
        }
        return words
    }
}
