import Foundation

/// Prints lines for the person who runs the program. They are written immediately even to a file or a pipe.
enum Report {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }
}
