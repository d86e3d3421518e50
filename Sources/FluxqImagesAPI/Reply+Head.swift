import AsyncHTTPClient
import FluxqModel
import NIOHTTP1

extension Reply {
    /// What an answer's head says.
    init(head: HTTPClientResponse, now: Timestamp) {
        let headers = head.headers
        let milliseconds = headers.first(name: "retry-after-ms")
        let retryAfter = headers.first(name: "retry-after")
        self.init(status: Int(head.status.code))
        self.retryAfter = RetryAfter.parse(milliseconds: milliseconds, retryAfter: retryAfter, now: now)
        hasRetryAfter = milliseconds != nil || retryAfter != nil
        location = headers.first(name: "location")
        requestID = Self.requestIDHeaders.lazy.compactMap { headers.first(name: $0) }.first { !$0.isEmpty }
        encoding = headers[canonicalForm: "content-encoding"].map { $0.lowercased() }.first { $0 != "identity" }
        isDelimitedByClose = !headers.contains(name: "content-length") && !headers.contains(name: "transfer-encoding")
    }

    private static let requestIDHeaders = ["x-request-id", "request-id", "x-amzn-requestid", "x-trace-id", "cf-ray"]
}
