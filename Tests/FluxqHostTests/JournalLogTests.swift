import FluxqTestSupport
import Foundation
import Glibc
import Logging
import Testing

@testable import FluxqHost

@Suite("The log for the journal")
struct JournalLogTests {
    private let directory: TemporaryDirectory
    private let descriptor: Int32

    init() throws {
        directory = try TemporaryDirectory()
        descriptor = open(directory.path("log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
    }

    /// What the body logs, as it was written.
    private func written(_ body: (Logger) -> Void) throws -> String {
        var logger = Logger(label: "test") { [descriptor] _ in JournalLog(descriptor: descriptor) }
        logger.logLevel = .trace
        body(logger)
        close(descriptor)
        return try String(contentsOfFile: directory.path("log"), encoding: .utf8)
    }

    @Test("each line begins with its level and names what it is about, without a time of its own")
    func lines() throws {
        let text = try written { logger in
            for level in Logger.Level.allCases {
                logger.log(level: level, "It is \(level).", metadata: ["job.id": "7"])
            }
            logger.info("Nothing else.")
            logger.info("Two words.", metadata: ["uid": "1000", "error": "no \"room\" left", "empty": ""])
        }
        #expect(
            text == """
                <7>It is trace. job.id=7
                <7>It is debug. job.id=7
                <6>It is info. job.id=7
                <5>It is notice. job.id=7
                <4>It is warning. job.id=7
                <3>It is error. job.id=7
                <2>It is critical. job.id=7
                <6>Nothing else.
                <6>Two words. empty="" error="no \\"room\\" left" uid=1000

                """)
    }

    @Test(
        "what others wrote begins no line of its own",
        arguments: ["\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\0", "\u{1B}[2K"])
    func forgery(separator: String) throws {
        let text = try written { logger in
            logger.info("a\(separator)<0>b", metadata: ["c": "d\(separator)<0>e", "f\(separator)<0>g": "h"])
        }
        #expect(text.hasPrefix("<6>a\\") && text.hasSuffix("h\n"))
        #expect(text.unicodeScalars.filter { $0.properties.generalCategory == .control } == ["\n"])
        #expect(text.split(whereSeparator: \.isNewline).count == 1)
    }

    @Test("a line stays shorter than where the journal would break it")
    func long() throws {
        let text = try written { $0.info("\(String(repeating: "é", count: 100_000))") }
        #expect(text.utf8.count < 48 << 10 && text.hasSuffix("é\n") && text.split(separator: "\n").count == 1)
    }

    @Test("is for a stream that the journal reads, and for no other")
    func isRead() throws {
        defer { close(descriptor) }
        var status = stat()
        try #require(fstat(descriptor, &status) == 0)
        let stream = "\(status.st_dev):\(status.st_ino)"
        #expect(JournalLog.isRead(from: descriptor, environment: ["JOURNAL_STREAM": stream]))
        for environment in [[:], ["JOURNAL_STREAM": ""], ["JOURNAL_STREAM": "\(stream)0"], ["JOURNAL_STREAM": "8:1"]] {
            #expect(!JournalLog.isRead(from: descriptor, environment: environment))
        }
    }
}
