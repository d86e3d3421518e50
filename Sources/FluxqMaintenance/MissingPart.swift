/// Tells a part of the archive that is not there from files that are lost: a file system that is not mounted takes every file
/// away at once, and gives them all back.
package enum MissingPart {
    /// Of one missing file alone nobody can tell which it is.
    private static let fewest = 2

    /// - Parameters:
    ///   - expected: files that rows refer to.
    ///   - missing: those of them that are not there.
    ///   - hasDirectory: whether the directory that they should be in is there.
    package static func isMissing(expected: Int, missing: Int, hasDirectory: Bool = true) -> Bool {
        missing == expected && expected >= (hasDirectory ? fewest : 1)
    }
}
