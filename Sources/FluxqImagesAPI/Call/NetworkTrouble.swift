import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// Says in words why a connection failed. For people only; nothing is decided by it.
enum NetworkTrouble {
    static func describe(_ error: any Error) -> String {
        switch error {
        case is CancellationError: "the call was canceled"
        case let error as NIOConnectionError: describe(error)
        case let error as IOError: "\(error)"
        case HTTPParserError.invalidEOFState: "the connection ended before its end"
        case let error as HTTPParserError: "what came is not HTTP or ends early (\(error))"
        case let error as HTTPClientError: describe(error)
        default: "\(error)"
        }
    }

    private static func describe(_ error: HTTPClientError) -> String {
        switch error {
        case .cancelled: "the call was canceled"
        case .connectTimeout: "no connection came about within \(ImagesClient.Limits.connect.inWords)"
        case .remoteConnectionClosed: "the other side closed the connection"
        case .invalidProxyResponse: "the proxy opens no connection to it"
        case .proxyAuthenticationRequired: "the proxy asks for a user name and password, and fluxqd gives it none"
        case .readTimeout: "nothing came for too long"
        default: error.shortDescription
        }
    }

    private static func describe(_ error: NIOConnectionError) -> String {
        if let first = error.connectionErrors.first { return describe(first.error) }
        return "the name \(error.host) could not be resolved"
    }
}
