import FluxqControl
import FluxqModel
import FluxqStore
import HTTPTypes
import HummingbirdCore
import NIOCore
import ServiceLifecycle

extension Routes {
    /// `GET /v1/events`: what happens to the caller's jobs and to the whole queue, as server-sent events; with `?all=true`,
    /// for an administrator, to everybody's jobs. Continues after the event numbered
    /// `Last-Event-ID` or `since`, and with news only if there is neither.
    func getEvents(_ call: Call) async throws -> Response {
        var query = QueryReader(call.uri, takes: ["since", "all"])
        let since = query.integer("since", in: 0 ... .max)
        let all = query.flag("all")
        try query.finish()
        if all, !call.caller.isAdministrator { throw Problem.administratorsOnly }
        // A browser's event source repeats the query when it connects again, and says where it stopped in the header.
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

    /// A client that reads slowly is waited for, with no more than one page in memory.
    private func stream(
        to writer: inout any ResponseBodyWriter, after first: Int64, for caller: Caller, all: Bool,
        _ connection: ConnectionState
    ) async throws {
        // Sends the head on its way, however long the first event takes.
        try await writer.write(ByteBuffer(string: ": events of fluxqd\n\n"))
        var cursor = first
        let topics: [ChangeSignal.Topic] = all ? [.everybody] : [.owner(uid: caller.uid), .queue]
        var nextSign = ContinuousClock.now + settings.eventPause
        while true {
            let seen = store.signal.count
            // Stops for an account that is gone, and streaming others' events for one that is no longer an administrator's.
            let caller = try await callers.caller(caller.uid)
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
        let document = EventDocument(
            id: event.id, at: WireTime(event.at), job: event.job?.rawValue, uid: event.uid, actor: event.actor,
            kind: event.kind.rawValue, state: event.state?.rawValue)
        return "id: \(event.id)\nevent: \(document.kind)\ndata: \(try jsonLine(document))\n\n"
    }
}

extension Problem {
    fileprivate static let badLastEventID = Problem.badQuery([
        .init(field: "Last-Event-ID", problem: "must be the number of an event, as `id` of the last one gave it")
    ])
}
