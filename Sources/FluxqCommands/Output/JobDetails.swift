import FluxqControl
import FluxqModel
import FluxqWords

/// Everything about one job, for a person.
struct JobDetails {
    let job: JobDocument

    func lines(_ presentation: Presentation) -> [String] {
        let words = JobWords(job)
        var sheet = Sheet(palette: presentation.palette)
        sheet.lines.append(
            presentation.palette("job \(job.id): ", .heading) + presentation.palette(words.state, words.ink))
        sheet.add("message", job.message)
        sheet.add("warning", job.warning)
        for advice in words.advice(presentation) { sheet.add("", advice) }
        if let error = job.error { sheet.add("api error", Self.line(error)) }

        sheet.add("submitted", "\(presentation.fullMoment(job.createdAt)) by \(job.owner) (uid \(job.uid))")
        sheet.add("place", place(presentation))
        sheet.add("not before", job.notBefore.map(presentation.fullMoment))
        sheet.add("started", job.startedAt.map(presentation.fullMoment))
        if let finishedAt = job.finishedAt {
            let took = job.startedAt.map { ", took \(Elapsed.words(finishedAt.timestamp - $0.timestamp))" } ?? ""
            sheet.add("finished", presentation.fullMoment(finishedAt) + took)
        }
        sheet.add("attempts", "\(job.attempts)")
        if let earlier = job.earlierCalls {
            sheet.add(
                "calls", "\(earlier) earlier \(earlier == 1 ? "one" : "ones"); see: fluxq status --calls \(job.id)")
        }
        let calls = job.ledger ?? []
        for call in calls {
            sheet.add("call \(call.number)", LedgerLine(call).text(presentation, withMessage: calls.count > 1))
        }
        sheet.add("label", job.label)
        if job.priority != 0 { sheet.add("priority", "\(job.priority)") }
        add(job.request, to: &sheet)
        sheet.add("request id", job.api?.requestID)
        for image in job.images {
            sheet.add("picture \(image.index)", Self.line(image))
            sheet.add("", image.message)
        }
        for pending in job.pending ?? [] {
            sheet.add("picture \(pending.index)", Self.line(pending, presentation))
            sheet.add("", pending.message)
            sheet.add("", pending.link)
        }
        for lost in job.lost ?? [] {
            sheet.add("picture \(lost.index)", "lost: \(lost.message)")
            sheet.add("", lost.link)
        }
        for damaged in job.damaged ?? [] {
            sheet.add("picture \(damaged.index)", damaged.message)
        }
        return sheet.lines
    }

    /// `3`, `3, starts about 2026-11-22 13:01:30 (in 1 min)`, `more than 1000 ahead`.
    private func place(_ presentation: Presentation) -> String? {
        if let beyond = job.placeBeyond { return "more than \(beyond) ahead" }
        guard let place = job.place else { return nil }
        return "\(place)" + (job.estimatedStartAt.map { ", starts about \(presentation.fullMoment($0))" } ?? "")
    }

    private func add(_ request: EditRequest, to sheet: inout Sheet) {
        sheet.add("prompt", request.prompt)
        sheet.add("not wanted", request.negativePrompt)
        sheet.add("image", request.image?.wire)
        sheet.add("model", request.model)
        sheet.add("seed", request.seed.map { $0 == -1 ? "-1 (drawn by the API)" : "\($0)" })
        let parameters: [(String, String?)] = [
            ("n", request.n.map(String.init)), ("strength", request.strength.map { "\($0)" }),
            ("steps", request.steps.map(String.init)), ("guidance-scale", request.guidanceScale.map { "\($0)" }),
            ("response-format", request.responseFormat == .url ? nil : request.responseFormat?.rawValue),
        ]
        let own = request.parameters.sorted { $0.key < $1.key }.map { name, value in "\(name)=\(value)" }
        let set = parameters.compactMap { name, value in value.map { "\(name) \($0)" } } + own
        sheet.add("parameters", set.isEmpty ? nil : set.joined(separator: ", "))
    }

    private static func line(_ image: JobDocument.ImageDocument) -> String {
        let size = image.width.flatMap { width in image.height.map { "\(width) x \($0)" } }
        let kind = image.isPicture ? image.mediaType : "not a usable picture, saved unchanged"
        return [kind, size, image.bytes.map(ByteCount.words), image.hash].compactMap(\.self).joined(separator: ", ")
    }

    /// `still to be downloaded, its link expires 2026-11-29 13:01:30 (in 7 d); 3 tries failed`.
    private static func line(_ pending: JobDocument.PendingDocument, _ presentation: Presentation) -> String {
        let tries = pending.tries == 0 ? "" : "; \(pending.tries) \(pending.tries == 1 ? "try" : "tries") failed"
        return "still to be downloaded, its link expires \(presentation.fullMoment(pending.deadline))\(tries)"
    }

    private static func line(_ error: JobDocument.ErrorDocument) -> String {
        let facts = [
            error.status.map { "HTTP \($0)" }, error.type, error.code, error.requestID.map { "request id \($0)" },
        ]
        let known = facts.compactMap { $0 }
        return error.message + (known.isEmpty ? "" : " (\(known.joined(separator: ", ")))")
    }

    /// Names on the left, values on the right; all lines of a value stay on the right.
    private struct Sheet {
        static let nameColumns = 12

        let palette: Palette
        var lines: [String] = []

        init(palette: Palette) {
            self.palette = palette
        }

        /// Adds nothing if there is no value.
        mutating func add(_ name: String, _ value: String?) {
            guard let value else { return }
            for (index, text) in TerminalText.lines(value).enumerated() {
                let label = index == 0 ? name : ""
                let padding = String(repeating: " ", count: max(Self.nameColumns - label.count, 1))
                lines.append("  " + palette(label, .quiet) + padding + text)
            }
        }
    }
}
