import Foundation

/// Lines for whoever runs the program, out at once even into a file or a pipe.
enum Report {
    static func line(_ text: String) {
        FileHandle.standardOutput.write(Data("\(text)\n".utf8))
    }
}
