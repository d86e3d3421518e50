package import FluxqModel

/// A file of `incoming/` that belongs to a call whose answer is not recorded yet. Its name identifies the call, so the
/// next start finds it even if this process ends suddenly.
///
/// ```
/// 7-1.answer               the known part of the answer to call 1 of job 7, after a line with its SHA-256
/// 7-1-0-<64 digits>        its first inline picture, whose text has ended; the digits are the SHA-256 of its bytes
/// 7-1-0-<64 digits>.broken the same, but its text was not valid base64 to its end
/// ```
///
/// These files need no fsync: kill -9 leaves written bytes intact. After a power cut the hashes show which files are
/// whole.
struct CallFile: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        case answer
        case picture(LeftPicture)
    }

    let call: CallID
    let content: Content

    init(call: CallID, content: Content) {
        self.call = call
        self.content = content
    }

    /// nil if the name does not belong to a call.
    init?(name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        let numbers = parts[0].split(separator: "-", omittingEmptySubsequences: false)
        guard numbers.count >= 2, let job = JobID(numbers[0]), let attempt = Int(numbers[1]), attempt > 0 else {
            return nil
        }
        call = CallID(job: job, attempt: attempt)
        switch (numbers.count, parts.count) {
        case (2, 2) where parts[1] == "answer":
            content = .answer
        case (4, 1), (4, 2):
            // The comparison below rejects any other extension.
            guard let ordinal = Int(numbers[2]), ordinal >= 0, let hash = ContentHash(hex: numbers[3]) else {
                return nil
            }
            content = .picture(LeftPicture(ordinal: ordinal, hash: hash, isValid: parts.count == 1))
        default:
            return nil
        }
        // Each file has exactly one valid name: "07-1.answer" is rejected.
        guard self.name == name else { return nil }
    }

    var name: String {
        let call = "\(call.job)-\(call.attempt)"
        return switch content {
        case .answer: "\(call).answer"
        case .picture(let picture):
            "\(call)-\(picture.ordinal)-\(picture.hash.hex)\(picture.isValid ? "" : ".broken")"
        }
    }
}

/// An inline picture of an answer that is not recorded yet.
package struct LeftPicture: Hashable, Sendable {
    /// Counted from 0 in the order of arrival.
    package let ordinal: Int
    package let hash: ContentHash
    /// True if its text was valid base64 to the end.
    package let isValid: Bool
}

/// The part of an answer that a dead process had received but not recorded.
package struct LeftAnswer: Hashable, Sendable {
    package let call: CallID
    /// In the order of arrival.
    package let pictures: [LeftPicture]

    /// Returns one answer per call, sorted by job.
    static func all(_ files: [CallFile]) -> [LeftAnswer] {
        Dictionary(grouping: files, by: \.call).map { call, files in
            let pictures = files.compactMap { file in
                if case .picture(let picture) = file.content { picture } else { nil }
            }
            return LeftAnswer(call: call, pictures: pictures.sorted { $0.ordinal < $1.ordinal })
        }.sorted { ($0.call.job, $0.call.attempt) < ($1.call.job, $1.call.attempt) }
    }
}
