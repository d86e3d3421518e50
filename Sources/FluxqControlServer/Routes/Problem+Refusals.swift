import FluxqArchive
import FluxqControl
import FluxqFormats
import FluxqModel
import FluxqStore

// Every way in which a route says no, in words that name the remedy.

extension Problem {
    /// What an error means to the caller. What only an administrator can use goes to the log instead.
    init(_ error: any Error) {
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
        detail: "fluxqd has nothing at that path. Its routes begin with /v1/; docs/http-api.md lists them.")

    static func methodNotAllowed(allowed: String) -> Problem {
        .init(
            status: 405, code: .methodNotAllowed, title: "Wrong method",
            detail: "That path takes \(allowed) and nothing else.")
    }

    /// The same for what is not there and for what is somebody else's.
    static let noSuchJob = Problem(
        status: 404, code: .noSuchJob, title: "No such job",
        detail: "You have no job of that number. List yours: fluxq list, or GET /v1/jobs.")

    static let noSuchImage = Problem(
        status: 404, code: .noSuchImage, title: "No such image",
        detail:
            "The job has no picture of that index. Its `images` list those that are there; more may come while it runs."
    )

    init(_ damaged: JobDocument.DamagedDocument) {
        self.init(
            status: damaged.isFetchedAgain ? 503 : 410,
            code: damaged.isFetchedAgain ? .pictureRefetched : .pictureDamaged, title: "The picture is damaged",
            detail: damaged.message)
    }

    static let inputDamaged = Problem(
        status: 410, code: .pictureDamaged, title: "The picture is damaged",
        detail: "The job's input was found damaged in the archive and was set aside. Send the same picture again with "
            + "PUT /v1/inputs, and it is there again.")

    static let noInputOfJob = Problem(
        status: 404, code: .noSuchInput, title: "No input here",
        detail: "The job edits a link, or no picture at all; fluxqd has no bytes of its input.")

    static func noSuchInput(_ hash: ContentHash) -> Problem {
        .init(
            status: 422, code: .noSuchInput, title: "No such input",
            detail: "You have no input \(hash); one that no job used for a day is removed. "
                + "Send the picture with PUT /v1/inputs, then submit again. Nothing was queued.")
    }

    static func notAPicture(_ defect: PictureDefect) -> Problem {
        let command = ForeignFormat(defect)?.conversion(of: "FILE")
        return .init(
            status: 422, code: .notAPicture, title: "Not a picture",
            detail: "What was sent \(defect). Send a whole PNG, JPEG, WebP, GIF or AVIF file"
                + (command.map { ", made such as with: \($0)" } ?? "") + ". Nothing was kept.")
    }

    static let emptyInput = Problem(
        status: 400, code: .badRequest, title: "Nothing was sent",
        detail: "The body is empty. Send the picture's bytes in it (curl: --upload-file FILE).")

    static func pictureTooLarge(limit: Int64) -> Problem {
        .init(
            status: 413, code: .tooLarge, title: "The picture is too large",
            detail: "It has more than \(limit) bytes, which is the limit here (inputs.max_bytes). "
                + "Make it smaller, or ask an administrator to raise the limit. Nothing was kept.")
    }

    static func submissionTooLarge(limit: Int) -> Problem {
        .init(
            status: 413, code: .tooLarge, title: "The request is too large",
            detail: "Without its picture it has more than \(limit) bytes, which is the limit. Nothing was queued.")
    }

    static let notJSON = Problem(
        status: 415, code: .unsupportedMediaType, title: "Not JSON",
        detail: "A job is submitted as application/json (curl: --json). Nothing was queued.")

    static let emptySubmission = Problem(
        status: 400, code: .badRequest, title: "Nothing was sent",
        detail: "The body is empty. Send the job as JSON in it (curl: --json). Nothing was queued.")

    static let malformedJSON = Problem(
        status: 400, code: .badRequest, title: "Not JSON",
        detail: "The body is not JSON: it breaks the grammar, ends early, or holds a number that is too large. "
            + "Look at it with: jq . FILE. Nothing was queued.")

    static let tooManyValues = Problem(
        status: 400, code: .badRequest, title: "Too many values",
        detail: "The body has more than \(Limits.submissionValues) values, or is nested deeper than "
            + "\(JSONBounds.depth): that is no job. Nothing was queued.")

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
            "The connection ended, or its framing broke, in the middle of the body. Nothing was kept; send it again.")

    static let bodyLate = Problem(
        status: 408, code: .badRequest, title: "The body takes too long",
        detail: "The body was not there whole in the time that fluxqd waits for one. Nothing was kept; send it faster.")

    static let notHTTP = Problem(
        status: 400, code: .badRequest, title: "Not HTTP/1.1",
        detail: "What was sent is no HTTP/1.1 request, or its header has more than \(Limits.headerBytes) bytes "
            + "or \(Limits.headerFields) fields.")

    static func rangeNotSatisfiable(size: Int64) -> Problem {
        .init(
            status: 416, code: .rangeNotSatisfiable, title: "No such range",
            detail: "The picture has \(size) bytes, numbered from 0; the range lies outside of them.")
    }

    static let keyReused = Problem(
        status: 409, code: .keyReused, title: "The key is taken",
        detail: "You submitted another request under that key before. Use a new key for a new request, "
            + "or submit the same request to get its job. Nothing was queued.")

    static func keyForgotten(_ job: JobID) -> Problem {
        .init(
            status: 409, code: .keyReused, title: "The key belongs to a forgotten job",
            detail:
                "You submitted job \(job) under that key, it has cost money or may have, and you have forgotten it since. "
                + "To buy it again, submit it under a new key. Nothing was queued.")
    }

    static func notForgetRequest(
        _ what: String, status: Int = 400, code: Problem.Code = .badRequest
    ) -> Problem {
        .init(
            status: status, code: code, title: "Not what can be forgotten",
            detail:
                "The body \(what). It is a JSON object with ids (numbers of jobs), label, state (done or failed) or before "
                + "(a time such as 2026-11-24T08:00:00Z), or several of them, and perhaps preview. Nothing was forgotten."
        )
    }

    static let noRoomForUpload = Problem(
        status: 507, code: .storageFull, title: "No room for now",
        detail:
            "The file system of fluxqd's state directory is too full for this picture, beside those that are on their way and "
            + "the room that is kept for pictures that have been paid for. Nothing was kept; try again in a minute. If it stays "
            + "so, an administrator has to make room.")

    /// - Parameter consequence: what did not happen: a whole sentence.
    static func overLimit(_ reached: LimitReached, _ consequence: String) -> Problem {
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
            case .failed: "There is nothing left to stop."
            }
        return .init(
            status: 409, code: .conflict, title: "The job is \(state.rawValue)",
            detail: "Job \(job.id) is \(state.rawValue), and a job in that state cannot be \(verb). \(remedy)")
    }

    static let nobody = Problem(
        status: 403, code: .notAllowed, title: "Nobody is there",
        detail: "The kernel names no user for this connection, or the one that stands for users of another "
            + "namespace. Connect as a user of this host.")

    static func unknownUser(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a user of this host",
            detail:
                "The user database of fluxqd's host knows no user with your number, \(uid). Connect as a user that it "
                + "knows (getent passwd \(uid)), or have an administrator set access.unknown_users to allow.")
    }

    /// - Parameter owner: by name or number, as /etc/subuid has it.
    static func subordinateUser(_ uid: UInt32, of owner: String) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a user of its own",
            detail: "Your number, \(uid), is one of those that \(owner) may take on in a user namespace (/etc/subuid). "
                + "Connect as \(owner), outside of the namespace or as its root.")
    }

    static func dynamicUser(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "Not a lasting user",
            detail: "Your number, \(uid), is one of those that systemd gives to services for as long as they run "
                + "(DynamicUser=), and what it queues would be the next service's. Run the service as a user of its own "
                + "(User=).")
    }

    static func numberOfAnother(_ uid: UInt32) -> Problem {
        .init(
            status: 403, code: .notAllowed, title: "The number was another's",
            detail:
                "Your number, \(uid), belonged to a user of another name when fluxqd last saw it. Ask an administrator to "
                + "say whose it is: fluxq user \(uid) renamed, if you are the same person, or replaced, if you are not. Until "
                + "then it can do nothing.")
    }

    static func notHeld(_ uid: UInt32) -> Problem {
        .init(
            status: 409, code: .conflict, title: "The number is not in doubt",
            detail:
                "The number \(uid) is not held back: it has not come under another name than its owner's. Nothing was "
                + "changed.")
    }

    static func stillRunning(_ uid: UInt32) -> Problem {
        .init(
            status: 409, code: .conflict, title: "Jobs are still running",
            detail:
                "Jobs of the earlier owner of the number \(uid) are still running. Wait until they have ended, or cancel "
                + "them (fluxq list --all --state running), then try again. Nothing was changed.")
    }

    static let userDatabaseSilent = Problem(
        status: 503, code: .userDatabaseSilent, title: "Users cannot be looked up",
        detail:
            "The user database of fluxqd's host does not answer, so fluxqd cannot tell who you are. Nothing was done; "
            + "try again later.")

    static let administratorsOnly = Problem(
        status: 403, code: .notAllowed, title: "For administrators",
        detail: "Only administrators of fluxqd may do that: root, and whom access.admins or access.admin_group of its "
            + "configuration names. Ask one of them. Nothing was changed.")

    static let tooManyConnections = Problem(
        status: 503, code: .overLimit, title: "Too many connections",
        detail:
            "You, or all users together, have as many connections open as fluxqd allows. Close some, then try again.")

    static let storageFull = Problem(
        status: 507, code: .storageFull, title: "No room",
        detail:
            "The file system of fluxqd's state directory is full, or fluxqd is over its quota there. Nothing was kept; "
            + "an administrator has to make room, then try again.")

    static func databaseLocked(by holder: LockHolder?) -> Problem {
        .init(
            status: 503, code: .databaseLocked, title: "The database is locked",
            detail:
                "The database is locked by \(holder.map(\.description) ?? "another program"), and fluxqd has waited for it "
                + "in vain. Nothing was changed; try again when that has ended, or tell an administrator.")
    }

    static let failed = Problem(
        status: 500, code: .internal, title: "fluxqd failed",
        detail:
            "It could not do what was asked; its log says why (journalctl -u fluxqd). Try again, or tell an administrator."
    )
}
