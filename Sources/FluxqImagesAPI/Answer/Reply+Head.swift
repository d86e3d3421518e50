import AsyncHTTPClient
import FluxqModel
import NIOHTTP1

extension Reply {
    /// Reads the head of an answer.
    init(head: HTTPClientResponse, now: Timestamp) {
        let headers = head.headers
        let milliseconds = headers.first(name: "retry-after-ms")
        let retryAfter = headers.first(name: "retry-after")
        self.init(status: Int(head.status.code))
        self.retryAfter =
            RetryAfter.parse(milliseconds: milliseconds, retryAfter: retryAfter, now: now)
            ?? Self.resetHeaders.lazy.compactMap { headers.first(name: $0) }
            .compactMap { RetryAfter.parse(reset: $0, now: now) }.first
        hasRetryAfter = milliseconds != nil || retryAfter != nil
        shouldRetry = headers.first(name: "x-should-retry").flatMap { Self.bool($0) }
        location = headers.first(name: "location")
        requestID = Self.requestIDHeaders.lazy.compactMap { headers.first(name: $0) }.first { !$0.isEmpty }
        codings = headers["content-encoding"]
        mediaType = headers.first(name: "content-type")
        isDelimitedByClose = !headers.contains(name: "content-length") && !headers.contains(name: "transfer-encoding")
    }

    private static func bool(_ text: String) -> Bool? {
        switch text.lowercased().filter({ !$0.isWhitespace }) {
        case "true", "1", "yes": true
        case "false", "0", "no": false
        default: nil
        }
    }

    private static let resetHeaders = [
        "x-ratelimit-reset-after", "ratelimit-reset", "x-ratelimit-reset", "x-ratelimit-reset-requests",
        "x-ratelimit-reset-images",
    ]

    private static let requestIDHeaders = [
        "x-request-id", "request-id", "x-requestid", "requestid", "x-oneapi-request-id", "x-amzn-requestid",
        "x-amz-request-id", "x-ms-request-id", "apim-request-id", "x-goog-request-id", "x-fal-request-id", "x-tt-logid",
        "x-log-id", "x-correlation-id", "x-trace-id", "trace-id", "x-b3-traceid", "cf-ray",
    ]
}
