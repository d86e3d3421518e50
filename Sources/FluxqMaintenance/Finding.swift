package import FluxqModel

/// Something that a check found, with what to do about it.
package struct Finding: Hashable, Sendable, Codable {
    package enum Kind: String, CaseIterable, Sendable, Codable {
        /// The database's own structure.
        case integrity
        /// A row that refers to one that is not there.
        case reference
        /// Rows that contradict one another: the ledger's sums, a job's calls, a user's counts.
        case records
        /// A file whose bytes have another hash than its name says.
        case damagedFile = "damaged_file"
        /// A file that the disk does not give back.
        case unreadableFile = "unreadable_file"
        /// A row without its file.
        case missingFile = "missing_file"
        /// A directory of the archive, or all of it, without a single file of those that rows refer to.
        case missingPart = "missing_part"
        /// Content that was found damaged before, and that there is no way to have again but to bring it back.
        case lostContent = "lost_content"
        /// A file without a row.
        case strayFile = "stray_file"
        /// Something in the archive that fluxq has not put there.
        case foreignFile = "foreign_file"
    }

    package var kind: Kind
    /// What is wrong.
    package var message: String
    /// What to do about it.
    package var remedy: String
    /// `sha256:…` of the content it is about.
    package var hash: String?
    /// The file it is about.
    package var path: String?
    /// Bytes of that file.
    package var bytes: Int64?
    /// What was done about it, where something was.
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

    /// Whether something that should be there is not as it should be. What is left over does no harm.
    package var isDamage: Bool {
        switch kind {
        case .integrity, .reference, .records, .damagedFile, .unreadableFile, .missingFile, .missingPart, .lostContent:
            true
        case .strayFile, .foreignFile: false
        }
    }
}
