import FluxqFormats

/// Signs of moderation, failure or a task in an answer without a picture. Only flags and states count, never messages.
enum AnswerSigns {
    private static let depth = 6

    /// Names whose value `true` means that the content filter removed the picture.
    private static let flags: Set<String> = [
        "flagged", "moderated", "nsfw", "isnsfw", "hasnsfwconcept", "hasnsfwconcepts", "hasnsfwcontent", "nsfwdetected",
        "nsfwcontentdetected", "contentfiltered", "contentmoderated", "moderationblocked", "blockedbysafety",
        "safetyblocked", "unsafe", "isunsafe", "raifilteredreason",
    ]
    /// Names whose value is a reason, or the state in which something ended.
    private static let reasons: Set<String> = [
        "finishreason", "stopreason", "blockreason", "status", "state", "reason", "failurereason", "rejectionreason",
        "moderationstatus", "code", "errorcode", "type", "errortype", "raifilteredreason", "result",
    ]
    private static let failures: Set<String> = ["failed", "failure", "error", "errored"]
    private static let tasks: Set<String> = [
        "queued", "inqueue", "pending", "processing", "inprogress", "running", "starting", "submitted", "accepted",
        "created", "scheduled", "waiting", "notstart", "notstarted",
    ]
    /// Names that occur only in an answer about a task.
    private static let taskNames: Set<String> = [
        "taskid", "jobid", "predictionid", "pollingurl", "statusurl", "responseurl", "geturl",
    ]

    /// `{"flagged": true}`, `{"has_nsfw_concepts": [true]}`, `{"finish_reason": "CONTENT_FILTERED"}`.
    static func saysModerated(_ value: JSONValue, depth: Int = depth) -> Bool {
        guard depth > 0 else { return false }
        switch value {
        case .object(let members):
            return members.contains { name, value in
                let name = JSONDiverter.folded(name)
                if flags.contains(name), isTrue(value) { return true }
                if reasons.contains(name), let word = value.string, ErrorCode(word: word) == .moderated { return true }
                return saysModerated(value, depth: depth - 1)
            }
        case .array(let values): return values.contains { saysModerated($0, depth: depth - 1) }
        default: return false
        }
    }

    /// `{"status": "failed"}`, `{"success": false}`: the API itself reports that nothing was made.
    static func saysFailed(_ value: JSONValue) -> Bool {
        states(of: value).contains { failures.contains($0) }
            || ["success", "ok"].contains { value[$0] == .bool(false) }
    }

    /// `{"id": …, "status": "queued"}`: the picture would come later, from another address.
    static func saysTask(_ value: JSONValue) -> Bool {
        if states(of: value).contains(where: { tasks.contains($0) }) { return true }
        return [value, value["output"], value["data"], value["result"]].compactMap(\.self).contains { value in
            guard case .object(let members) = value else { return false }
            return members.contains {
                taskNames.contains(JSONDiverter.folded($0.key)) && $0.value.string?.isEmpty == false
            }
        }
    }

    private static func states(of value: JSONValue) -> [String] {
        [value, value["output"], value["data"], value["result"], value["task"]].compactMap(\.self).flatMap { value in
            ["status", "state", "task_status", "taskStatus"].compactMap { value[$0]?.string }
        }
        .map { JSONDiverter.folded($0.filter { !$0.isWhitespace }) }
    }

    private static func isTrue(_ value: JSONValue) -> Bool {
        switch value {
        case .bool(let bool): bool
        case .integer(let integer): integer == 1
        case .string(let text): text.lowercased() == "true"
        case .array(let values): values.contains { isTrue($0) }
        default: false
        }
    }
}

extension AnswerDocument {
    /// True if the picture is a preview; another event follows with the final one.
    func isPreview(_ json: JSONValue?) -> Bool {
        [event, json?["type"]?.string, json?["event"]?.string, json?["object"]?.string].compactMap(\.self)
            .contains { JSONDiverter.folded($0).contains("partialimage") }
    }
}
