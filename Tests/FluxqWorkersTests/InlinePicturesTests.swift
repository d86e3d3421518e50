import FluxqArchive
import FluxqImagesAPI
import FluxqModel
import FluxqTestSupport
import Foundation
import NIOCore
import Synchronization
import Testing

@testable import FluxqWorkers

@Suite("An answer's pictures wait for this host", .timeLimit(.minutes(30)))
struct InlinePicturesTests {
    /// A problem of `incoming/` that lasts until it is repaired.
    enum Trouble: String, CaseIterable, Sendable {
        case directoryIsGone = "it is gone"
        case fileInItsPlace = "a file stands in its place"
        case linkToNowhere = "it is a link to nowhere"
        case linkToItself = "it is a link to itself"

        func plant(in directory: String) throws {
            let files = FileManager.default
            let (place, aside) = ("\(directory)/incoming", "\(directory)/aside")
            try files.moveItem(atPath: place, toPath: aside)
            switch self {
            case .directoryIsGone: break
            case .fileInItsPlace: try Data().write(to: URL(filePath: place))
            case .linkToNowhere:
                try files.createSymbolicLink(atPath: place, withDestinationPath: "\(directory)/nowhere")
            case .linkToItself: try files.createSymbolicLink(atPath: place, withDestinationPath: place)
            }
        }

        func mend(in directory: String) throws {
            let (place, aside) = ("\(directory)/incoming", "\(directory)/aside")
            if self != .directoryIsGone { try FileManager.default.removeItem(atPath: place) }
            try FileManager.default.moveItem(atPath: aside, toPath: place)
        }
    }

    @Test(
        "and are kept once the problem is over, at a picture's beginning or at its end",
        arguments: Trouble.allCases)
    func waits(trouble: Trouble) async throws {
        let directory = try TemporaryDirectory()
        let archive = try LocalArchive(directory: directory.path)
        let call = CallID(job: try #require(JobID("7")), attempt: 1)
        let waits = Mutex(0)
        let inbox = InlinePictures(call: call, spool: archive.spool) { error in
            #expect(error.isPassing)
            waits.withLock { $0 += 1 }
            try trouble.mend(in: directory.path)
        }
        await inbox.beginAnswer(.init(status: 200, requestID: "req-7"))
        try trouble.plant(in: directory.path)
        let sink = try await inbox.beginPicture(0)
        try await sink.write(ByteBuffer(bytes: SamplePictures.png.bytes))
        try trouble.plant(in: directory.path)
        try await inbox.endPicture(0, isValid: true)
        #expect(waits.withLock { $0 } == 2)
        #expect(inbox.whole == [0])

        // The next process finds the answer's head and the picture.
        let left = try LocalArchive(directory: directory.path).spool.leftAnswers
        #expect(left.map(\.call) == [call] && left.first?.pictures.map(\.isValid) == [true])
        #expect(try await archive.spool.note(of: call).map(AnswerNote.init(json:))?.report.requestID == "req-7")
    }
}
