import FluxqControl
import FluxqModel
import FluxqStore
import HTTPTypes
import HummingbirdCore
import NIOCore
import ServiceLifecycle

extension Routes {
    /// `GET /v1/events`: events of the caller's jobs and of the whole queue, as server-sent events. `?all=true`, for
    /// administrators, includes all users' jobs. Continues after the event numbered `Last-Event-ID` or `since`; without
    /// either, sends only new events.
    func getEvents(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["since", "all"])
        let since = query.integer("since", in: 0 ... .max)
        let all = query.flag("all")
        try query.finish()
        if all, !call.caller.isAdministrator { throw Problem.administratorsOnly }
        // When a browser's event source reconnects, it repeats the query and sends the last event's number in the
        // header.
        var start = since
        if let last = HTTPField.Name("Last-Event-ID").flatMap({ call.head.headerFields[$0] }) {
            guard let last = Int64(last), last >= 0 else { throw Problem.badLastEventID }
            start = last
        }
        let first: Int64
        let caller = call.caller
        if let start {
            first = start
        } else {
            first = try await perUserLock.take(caller.uid) { try await store.newestEvent() }
        }
        let connection = call.connection
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", .connection: "close"],
            body: ResponseBody { writer in
                try await stream(to: &writer, after: first, for: caller, all: all, connection)
                try await writer.finish(nil)
            })
    }

    /// Waits for a client that reads slowly, with at most one page in memory.
    private func stream(
        to writer: inout any ResponseBodyWriter, after first: Int64, for caller: Caller, all: Bool,
        _ connection: ConnectionState
    ) async throws {
        // Sends the head immediately, even if the first event takes long.
        try await writer.write(ByteBuffer(string: ": events of fluxqd\n\n"))
        var cursor = first
        let topics: [ChangeSignal.Topic] = all ? [.everybody] : [.owner(uid: caller.uid), .queue]
        var nextSign = ContinuousClock.now + settings.eventPause
        while true {
            let seen = store.signal.count
            // Stops if the account is gone, or if others' events are streamed to a user who is no longer an
            // administrator.
            let caller = try await callers.caller(caller.uid, at: connection.entrance)
            if all, !caller.isAdministrator { return }
            let page = try await perUserLock.take(caller.uid) {
                let events = try await store.events(
                    for: caller, everybody: all, since: cursor, limit: Limits.eventsPerRead)
                return (text: try events.map(Self.frame).joined(), last: events.last?.id)
            }
            if let last = page.last {
                try await writer.write(ByteBuffer(string: page.text))
                cursor = last
                nextSign = ContinuousClock.now + settings.eventPause
                if Task.isShuttingDownGracefully { return }
                continue
            }
            switch await change(of: topics, after: seen, until: nextSign, connection) {
            case .changed: continue
            case .timeUp:
                try await writer.write(ByteBuffer(string: ": still here\n\n"))
                nextSign = ContinuousClock.now + settings.eventPause
            case .over: return
            }
        }
    }

    private static func frame(_ event: Event) throws -> String {
        let document = EventDocument(event)
        return "id: \(event.id)\nevent: \(document.kind)\ndata: \(try jsonLine(document))\n\n"
    }
}

extension Problem {
    fileprivate static let badLastEventID = Problem.badQuery([
        .init(field: "Last-Event-ID", problem: "must be the number of an event, as `id` of the last one gave it")
    ])
}
