import Foundation
import LibFuzzer

// fluxq-fuzz TARGET, then libFuzzer's own arguments: options such as -runs=1000, folders of inputs, or files to try.

guard FuzzTarget.chosen != nil else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    FileHandle.standardError.write(
        Data("usage: fluxq-fuzz TARGET [libFuzzer's options] [FOLDER|FILE…]; the targets are \(names)\n".utf8))
    exit(64)
}

// libFuzzer treats the first argument like a program name.
var count = CommandLine.argc - 1
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
exit(
    LLVMFuzzerRunDriver(&count, &arguments) { bytes, count in
        FuzzTarget.chosen?.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
        return 0
    })
