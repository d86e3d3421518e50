import Foundation

/// Lines for the person who runs the program, written at once even into a file or a pipe.
enum Report {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }
}
