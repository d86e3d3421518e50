import FluxqControl
import FluxqModel
import HTTPTypes
import HummingbirdCore

/// One request on its way through a route.
struct Call {
    let head: HTTPRequest
    let uri: URI
    let body: RequestReader
    let caller: Caller
    let connection: ConnectionState
    /// What stood in the places of the route's path, such as `id`.
    var parameters: [String: Substring] = [:]

    init(head: HTTPRequest, body: RequestReader, caller: Caller, connection: ConnectionState) {
        self.head = head
        uri = URI(head.path ?? "/")
        self.body = body
        self.caller = caller
        self.connection = connection
    }

    /// The number in the path.
    /// - Throws: `.noSuchJob` if it is none: what cannot be a job is not told from one that is not there.
    func jobID() throws(Problem) -> JobID {
        guard let text = parameters["id"], let id = JobID(text), id.description == text else { throw .noSuchJob }
        return id
    }

    /// What the sender says about the body's size; nil if it says nothing.
    var contentLength: Int64? { head.headerFields[.contentLength].flatMap { Int64($0) } }

    /// - Throws: where the query has any parameter, for a route that takes none.
    func takesNoQuery() throws(Problem) {
        var query = QueryReader(uri, takes: [])
        try query.finish()
    }
}
