import FluxqControl
package import FluxqModel
package import HTTPTypes
package import HummingbirdCore

/// A request as its route handles it.
package struct Call {
    package let head: HTTPRequest
    package let uri: URI
    package let body: RequestReader
    package let caller: Caller
    package let connection: ConnectionState
    /// The values of the route's path parameters, such as `id`.
    var parameters: [String: Substring] = [:]

    init(head: HTTPRequest, body: RequestReader, caller: Caller, connection: ConnectionState) {
        self.head = head
        uri = URI(head.path ?? "/")
        self.body = body
        self.caller = caller
        self.connection = connection
    }

    /// The job number in the path.
    /// - Throws: `.noSuchJob` if it is not a number: an invalid number and a missing job get the same answer.
    func jobID() throws(Problem) -> JobID {
        guard let text = parameters["id"], let id = JobID(text), id.description == text else { throw .noSuchJob }
        return id
    }

    /// The body's size as declared by the sender; nil if undeclared.
    package var contentLength: Int64? { head.headerFields[.contentLength].flatMap { Int64($0) } }

    /// - Throws: if the query has any parameter, for a route that accepts none.
    func takesNoQuery() throws(Problem) {
        var query = QueryReader(uri, takes: [])
        try query.finish()
    }
}
