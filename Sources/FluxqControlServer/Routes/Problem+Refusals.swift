import FluxqArchive
package import FluxqControl
import FluxqFormats
package import FluxqModel
import FluxqStore
import FluxqWords

// All refusals of the routes, with their remedies.

extension Problem {
    /// The problem to show to the caller. Details that only an administrator can use go to the log instead.
    package init(_ error: any Error) {
        self =
            switch error {
            case let problem as Problem: problem
            case let invalid as EditRequest.Invalid: Problem(invalid)
            case RequestReader.Failure.malformed: .notHTTP
            case RequestReader.Failure.bodyCut: .bodyCut
            case RequestReader.Failure.bodyLate: .bodyLate
            case StoreError.full, ArchiveError.full: .storageFull
            case StoreError.locked(let holder): .databaseLocked(by: holder)
            case ArchiveError.tooLarge(let limit): .pictureTooLarge(limit: limit)
            default: .failed
            }
    }

    static let noSuchRoute = Problem(
        status: 404, code: .noSuchRoute, title: "No such route",
        detail: "fluxqd has no route at that path. Its routes begin with /v1/; docs/http-api.md lists them.")

    package static func methodNotAllowed(allowed: String) -> Problem {
        .init(
            status: 405, code: .methodNotAllowed, title: "Wrong method",
            detail: "That path supports only \(allowed).")
    }

    /// The same for a job that does not exist and for another user's job.
    package static let noSuchJob = Problem(
        status: 404, code: .noSuchJob, title: "No such job",
        detail: "You have no job with that number. List yours with GET /v1/jobs.")

    static let noSuchImage = Problem(
        status: 404, code: .noSuchImage, title: "No such image",
        detail:
            "The job has no picture with that index. Its `images` list the pictures it has; a running job may get more."
    )

    init(_ damaged: JobDocument.DamagedDocument) {
        self.init(
            status: damaged.isFetchedAgain ? 503 : 410,
            code: damaged.isFetchedAgain ? .pictureRefetched : .pictureDamaged, title: "The picture is damaged",
            detail: damaged.message)
    }

    static let inputDamaged = Problem(
        status: 410, code: .pictureDamaged, title: "The picture is damaged",
        detail: "The job's input is damaged in the archive and was moved to quarantine. To restore it, send the "
            + "same picture again with PUT /v1/inputs.")

    static let noInputOfJob = Problem(
        status: 404, code: .noSuchInput, title: "No input here",
        detail: "The job edits a link, or no picture. fluxqd does not store its input.")

    package static func noSuchInput(_ hash: ContentHash) -> Problem {
        .init(
            status: 422, code: .noSuchInput, title: "No such input",
            detail: "You have no input \(hash). fluxqd removes inputs that no job has used for a day. "
                + "Send the picture with PUT /v1/inputs, then submit again. Nothing was queued.")
    }

    static func notAPicture(_ defect: PictureDefect) -> Problem {
        let command = ForeignFormat(defect)?.conversion(of: "FILE")
        return .init(
            status: 422, code: .notAPicture, title: "Not a picture",
            detail: "The file \(defect). Send a complete PNG, JPEG, WebP, GIF or AVIF file"
                + (command.map { ", for example made with: \($0)" } ?? "") + ". Nothing was saved.")
    }

    static let emptyInput = Problem(
        status: 400, code: .badRequest, title: "Nothing was sent",
        detail: "The body is empty. Send the picture's bytes as the body (curl: --upload-file FILE).")

    static func pictureTooLarge(limit: Int64) -> Problem {
        .init(
            status: 413, code: .tooLarge, title: "The picture is too large",
            detail: "It is larger than the limit of \(limit) bytes (inputs.max_bytes). "
                + "Make it smaller, or ask an administrator to raise the limit. Nothing was saved.")
    }

    static func submissionTooLarge(limit: Int) -> Problem {
        .init(
            status: 413, code: .tooLarge, title: "The request is too large",
            detail: "Without its picture it is larger than the limit of \(limit) bytes. Nothing was queued.")
    }

    static let notJSON = Problem(
        status: 415, code: .unsupportedMediaType, title: "Not JSON",
        detail: "Submit a job as application/json (curl: --json). Nothing was queued.")

    static let emptySubmission = Problem(
        status: 400, code: .badRequest, title: "Nothing was sent",
        detail: "The body is empty. Send the job as JSON (curl: --json). Nothing was queued.")

    static let malformedJSON = Problem(
        status: 400, code: .badRequest, title: "Not JSON",
        detail: "The body is not valid JSON: a syntax error, an early end, or a number that is too large. Check it "
            + "with: jq . FILE. Nothing was queued.")

    static let tooManyValues = Problem(
        status: 400, code: .badRequest, title: "Too many values",
        detail: "The body has more than \(Limits.submissionValues) values, or is nested deeper than "
            + "\(JSONBounds.depth) levels. Nothing was queued.")

    static let imageGivenTwice = Problem(
        status: 400, code: .badRequest, title: "Two pictures",
        detail: "The body has request.image more than once. Give one picture. Nothing was queued.")

    static func badQuery(_ wrong: [Problem.Field]) -> Problem {
        .init(
            status: 400, code: .badRequest, title: "Bad query",
            detail: wrong.map { "\($0.field) \($0.problem)" }.joined(separator: "; ") + ".", fields: wrong)
    }

    static let bodyCut = Problem(
        status: 400, code: .badRequest, title: "The body ends early",
        detail:
            "The connection or its framing broke in the middle of the body. Nothing was saved; send it again.")

    static let bodyLate = Problem(
        status: 408, code: .badRequest, title: "The body takes too long",
        detail: "The body did not arrive in time. Nothing was saved; send it faster.")

    static let notHTTP = Problem(
        status: 400, code: .badRequest, title: "Not HTTP/1.1",
        detail: "The request is not HTTP/1.1, or its header has more than \(Limits.headerBytes) bytes "
            + "or \(Limits.headerFields) fields.")

    static func rangeNotSatisfiable(size: Int64) -> Problem {
        .init(
            status: 416, code: .rangeNotSatisfiable, title: "No such range",
            detail: "The picture has \(size) bytes, numbered from 0; the range is outside of them.")
    }

    package static let keyReused = Problem(
        status: 409, code: .keyReused, title: "The key is taken",
        detail: "You have already used that key for another request. Use a new key, or submit the same request to "
            + "get its job. Nothing was queued.")

    package static func keyForgotten(_ job: JobID) -> Problem {
        .init(
            status: 409, code: .keyReused, title: "The key belongs to a forgotten job",
            detail:
                "You submitted job \(job) under that key and have forgotten it. It may have cost money. To buy it "
                + "again, use a new key. Nothing was queued.")
    }

    static func notForgetRequest(
        _ what: String, status: Int = 400, code: Problem.Code = .badRequest
    ) -> Problem {
        .init(
            status: status, code: code, title: "Invalid forget request",
            detail:
                "The body \(what). Send a JSON object with one or more of: ids (job numbers), label, state (done or "
                + "failed), before (a time such as 2026-11-24T08:00:00Z). preview is optional. Nothing was "
                + "forgotten."
        )
    }

    static let noRoomForUpload = Problem(
        status: 507, code: .storageFull, title: "Not enough disk space now",
        detail:
            "The disk with fluxqd's state directory is too full for this picture. fluxqd reserves space for uploads "
            + "in progress and for paid pictures. Nothing was saved; try again in a minute. If it fails again, "
            + "an administrator must free disk space.")

    /// - Parameter consequence: what was not done, as a whole sentence.
    package static func overLimit(_ reached: LimitReached, _ consequence: String) -> Problem {
        .init(
            status: 429, code: .overLimit, title: "Over the limit: \(LimitWords.name(reached.kind))",
            detail: "\(reached.account) \(reached.release) \(consequence)", limit: LimitDocument(reached))
    }

    static func cannot(_ verb: String, _ job: Job) -> Problem {
        let state = JobState(job.lifecycle.state)
        let remedy =
            switch state {
            case .queued, .running: "Cancel it first, or wait until it has ended."
            case .done: "Submit the request again for more pictures."
            case .failed: "There is nothing left to cancel."
            }
        return .init(
            status: 409, code: .conflict, title: "The job is \(state.rawValue)",
            detail: "Job \(job.id) is \(state.rawValue); a job in that state cannot be \(verb). \(remedy)")
    }

    static let nobody = Problem(
        status: 403, code: .notAllowed, title: "Unknown user",
        detail: "The kernel reports no user of this host for this connection. Connect as a user of this host, not "
            + "from another user or network namespace, and keep the connection open.")

    static func unknownUser(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a user of this host",
            detail:
                "The user database of fluxqd's host has no user with your uid, \(uid) (getent passwd \(uid)). "
                + "Connect as a known user, or ask an administrator to set access.unknown_users to allow.")
    }

    /// - Parameter owner: by name or uid, as in /etc/subuid.
    static func subordinateUser(_ uid: UInt32, of owner: String) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a user of its own",
            detail: "Your uid, \(uid), is a subordinate uid of \(owner) (/etc/subuid). Connect as \(owner), outside "
                + "of the user namespace or as its root.")
    }

    static func dynamicUser(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a lasting user",
            detail: "Your uid, \(uid), is a dynamic one of systemd (DynamicUser=). Another service may get it "
                + "later, with your jobs. Run the service as a user of its own "
                + "(User=).")
    }

    static func numberOfAnother(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "The number was another's",
            detail:
                "Your uid, \(uid), belonged to a user with another name when fluxqd last saw it. fluxqd refuses it "
                + "until an administrator decides whose it is. If you are the same person: fluxq user \(uid) "
                + "renamed. If not: fluxq user \(uid) replaced.")
    }

    static func notHeld(_ uid: UInt32) -> Problem {
        .init(
            status: 409, code: .conflict, title: "The number is not in doubt",
            detail:
                "The uid \(uid) is not blocked: its user name has not changed. Nothing was "
                + "changed.")
    }

    static func stillRunning(_ uid: UInt32) -> Problem {
        .init(
            status: 409, code: .conflict, title: "Jobs are still running",
            detail:
                "Jobs of the previous owner of the uid \(uid) are still running. Wait until they have ended, or "
                + "cancel them (fluxq list --all --state running), then try again. Nothing was changed.")
    }

    static let userDatabaseSilent = Problem(
        status: 503, code: .userDatabaseSilent, title: "Users cannot be looked up",
        detail:
            "The user database of fluxqd's host does not respond, so fluxqd cannot identify you. Nothing was done; "
            + "try again later.")

    static let administratorsOnly = Problem(
        status: 403, code: .notAllowed, title: "For administrators",
        detail: "Only administrators of fluxqd may do that: root and the users in access.admins or "
            + "access.admin_group. Ask one of them. Nothing was changed.")

    static let tooManyConnections = Problem(
        status: 503, code: .overLimit, title: "Too many connections",
        detail:
            "You, or all users together, have reached fluxqd's limit of open connections. Close some, then try again.")

    static let storageFull = Problem(
        status: 507, code: .storageFull, title: "No room",
        detail:
            "The disk with fluxqd's state directory is full, or fluxqd has reached its quota. Nothing was saved. "
            + "Ask an administrator to free disk space, then try again.")

    static func databaseLocked(by holder: LockHolder?) -> Problem {
        .init(
            status: 503, code: .databaseLocked, title: "The database is locked",
            detail:
                "The database is locked by \(holder.map(\.description) ?? "another program"), and fluxqd has waited "
                + "for it too long. Nothing was changed. Try again when that program has ended, or tell an "
                + "administrator.")
    }

    package static let failed = Problem(
        status: 500, code: .internal, title: "fluxqd failed",
        detail:
            "Internal error; see the log (journalctl -u fluxqd). Try again, or tell an administrator."
    )
}
