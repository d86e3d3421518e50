import FluxqArchive
import FluxqModel
import Foundation
import NIOCore

// archive-probe DIRECTORY [HASH | JOB-ATTEMPT]
//
// Stores standard input in the archive of DIRECTORY and prints its hash; with HASH, removes that content at the same time
// if it is older than an hour; with JOB-ATTEMPT, as the first inline picture of that call, which is over afterwards. Exit codes: 0 stored, 1 not stored, 2 not stored and fatal.
do {
    let archive = try LocalArchive(directory: CommandLine.arguments.dropFirst().first ?? ".")
    let file = try await archive.spool.receive(limit: 64 << 20)
    while let piece = try FileHandle.standardInput.read(upToCount: 65_536), !piece.isEmpty {
        try await file.write(ByteBuffer(bytes: piece))
    }
    let numbers = CommandLine.arguments.dropFirst(2).first?.split(separator: "-") ?? []
    var call: CallID?
    if numbers.count == 2, let job = JobID(numbers[0]), let attempt = Int(numbers[1]) {
        call = CallID(job: job, attempt: attempt)
    }
    let object: StoredObject
    do {
        if let call {
            try await archive.spool.keep(file, of: call, ordinal: 0, isValid: true)
            try await archive.spool.note(Array("answered".utf8), of: call)
        }
        object = try await withThrowingTaskGroup(of: Void.self) { group in
            if let hash = CommandLine.arguments.dropFirst(2).first.flatMap({ ContentHash(hex: $0) }) {
                group.addTask { _ = try await archive.remove(hash, olderThan: .seconds(3600)) }
            }
            let object = try await archive.store(file)
            try await group.waitForAll()
            return object
        }
    } catch {
        await archive.spool.discard(file)
        throw error
    }
    try FileHandle.standardOutput.write(contentsOf: Data("\(object.hash.hex)\n".utf8))
    if let call { try await archive.spool.forget(call) }
} catch let error as ArchiveError {
    try FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
    exit(error.isFatal ? 2 : 1)
}
