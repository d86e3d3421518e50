package import FluxqModel

/// A problem that a check found, with its remedy.
package struct Finding: Hashable, Sendable, Codable {
    package enum Kind: String, CaseIterable, Sendable, Codable {
        /// The database's own structure is damaged.
        case integrity
        /// A row refers to a missing row.
        case reference
        /// Rows contradict one another: the ledger's sums, a job's calls, a user's counts.
        case records
        /// The bytes of a file have another hash than its name.
        case damagedFile = "damaged_file"
        /// The disk fails to read a file.
        case unreadableFile = "unreadable_file"
        /// A row has no file.
        case missingFile = "missing_file"
        /// A directory of the archive, or all of it, has none of the files that rows refer to.
        case missingPart = "missing_part"
        /// Content was found damaged earlier, and only a person can restore it.
        case lostContent = "lost_content"
        /// A file has no row.
        case strayFile = "stray_file"
        /// An entry of the archive was not created by fluxq.
        case foreignFile = "foreign_file"
    }

    package var kind: Kind
    /// The problem.
    package var message: String
    /// The remedy.
    package var remedy: String
    /// `sha256:…` of the content concerned.
    package var hash: String?
    /// The file concerned.
    package var path: String?
    /// The size of that file in bytes.
    package var bytes: Int64?
    /// The repair that was done, if any.
    package var repair: String?

    package init(
        _ kind: Kind, _ message: String, remedy: String, hash: ContentHash? = nil, path: String? = nil,
        bytes: Int64? = nil
    ) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
        self.hash = hash?.description
        self.path = path
        self.bytes = bytes
    }

    /// True if something required is missing or damaged. Leftovers do no harm.
    package var isDamage: Bool {
        switch kind {
        case .integrity, .reference, .records, .damagedFile, .unreadableFile, .missingFile, .missingPart, .lostContent:
            true
        case .strayFile, .foreignFile: false
        }
    }
}
