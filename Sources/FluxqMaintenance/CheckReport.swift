/// The scope and the findings of a check.
package struct CheckReport: Hashable, Sendable, Codable {
    package var stateDirectory: String
    /// Counts of the database, if it could be read.
    package var jobs = 0
    package var calls = 0
    package var users = 0
    /// Files of the archive that rows refer to and that were read completely.
    package var files = 0
    package var bytes: Int64 = 0
    package var findings: [Finding] = []
    /// `sha256:…` of content that was damaged before and is whole in the archive again. Set only by a repair.
    package var mended: [String] = []
    /// Why a repair did nothing; nil if it did what it could, or if none was requested.
    package var refusal: String?

    package init(stateDirectory: String) {
        self.stateDirectory = stateDirectory
    }

    /// True if nothing is damaged. There may be leftovers.
    package var isSound: Bool { !findings.contains(where: \.isDamage) }

    package enum CodingKeys: String, CodingKey {
        case stateDirectory = "state_directory"
        case isSound = "sound"
        case jobs, calls, users, files, bytes, findings, mended, refusal
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        stateDirectory = try values.decode(String.self, forKey: .stateDirectory)
        jobs = try values.decode(Int.self, forKey: .jobs)
        calls = try values.decode(Int.self, forKey: .calls)
        users = try values.decode(Int.self, forKey: .users)
        files = try values.decode(Int.self, forKey: .files)
        bytes = try values.decode(Int64.self, forKey: .bytes)
        findings = try values.decode([Finding].self, forKey: .findings)
        mended = try values.decode([String].self, forKey: .mended)
        refusal = try values.decodeIfPresent(String.self, forKey: .refusal)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(stateDirectory, forKey: .stateDirectory)
        try values.encode(isSound, forKey: .isSound)
        try values.encode(jobs, forKey: .jobs)
        try values.encode(calls, forKey: .calls)
        try values.encode(users, forKey: .users)
        try values.encode(files, forKey: .files)
        try values.encode(bytes, forKey: .bytes)
        try values.encode(findings, forKey: .findings)
        try values.encode(mended, forKey: .mended)
        try values.encodeIfPresent(refusal, forKey: .refusal)
    }
}
