import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// Describes in words why a connection failed. The text is only for people; no decision depends on it.
enum NetworkTrouble {
    static func describe(_ error: any Error) -> String {
        switch error {
        case is CancellationError: "the call was canceled"
        case let error as NIOConnectionError: describe(error)
        case let error as IOError: "\(error)"
        case HTTPParserError.invalidEOFState: "the connection ended early"
        case let error as HTTPParserError: "the answer is not HTTP or ends early (\(error))"
        case let error as HTTPClientError: describe(error)
        default: "\(error)"
        }
    }

    private static func describe(_ error: HTTPClientError) -> String {
        switch error {
        case .cancelled: "the call was canceled"
        case .connectTimeout: "no connection was established within \(ImagesClient.Limits.connect.inWords)"
        case .remoteConnectionClosed: "the other side closed the connection"
        case .invalidProxyResponse: "the proxy did not open a connection to it"
        case .proxyAuthenticationRequired: "the proxy asks for a user name and password, and fluxqd gives it none"
        case .readTimeout: "no data arrived for too long"
        default: error.shortDescription
        }
    }

    private static func describe(_ error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first { return describe(first.error) }
        return "the name \(error.host) could not be resolved"
    }
}
