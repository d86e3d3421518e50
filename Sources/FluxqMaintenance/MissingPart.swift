/// Distinguishes a missing part of the archive from lost files. If a file system is not mounted, all its files are
/// missing at once, and all are there again after it is mounted.
package enum MissingPart {
    /// With a single missing file the two cases cannot be distinguished.
    private static let fewest = 2

    /// - Parameters:
    /// - expected: the number of files that rows refer to.
    /// - missing: how many of them are missing.
    /// - hasDirectory: true if the directory of these files exists.
    package static func isMissing(expected: Int, missing: Int, hasDirectory: Bool = true) -> Bool {
        missing == expected && expected >= (hasDirectory ? fewest : 1)
    }
}
