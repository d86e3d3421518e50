package import FluxqFormats
package import FluxqModel

/// Where content is kept: everything that the daemon, its workers and the repair do with it. `LocalArchive` keeps it in
/// files of this host.
///
/// ```
/// spool.receive ──> bytes on this host ──> store ──> durable ──> the caller's row, and never before
/// ```
///
/// **Bytes durable first, then the row.** A row of the database refers to content only after `store` has returned. So a crash
/// leaves content without a row, which does no harm, and never a row without its content. The other way round for the
/// end of content: `remove` comes after the last row has gone. The types hold the order: the verbs that write such rows take
/// a `StoredPicture` or what a `StoredObject` says, and nobody but a store of content makes these. Between the two steps
/// each of the three callers does what is its own: an upload is refused, a download tries again, an answer waits until
/// every one of its pictures is stored.
///
/// A removal is kept from racing with a row by the content's age, see `remove`; several callers may store, read and remove
/// the same content at once. Every call suspends until it has been done, blocks no thread of Swift's tasks, and is done to
/// its end even if the task is canceled. An error with `isFatal` has been told to the opener of the store before it is
/// thrown: the process has to end.
package protocol ContentStore: ContentReader {
    /// Where what is to be stored comes in.
    var spool: Spool { get }

    /// What people know the place by that `setAside` moves damaged content to, as `damaged`; it is below the state directory.
    var damagedName: String { get }
    /// The same for `putAway`, as `stray`.
    var strayName: String { get }

    /// Stores what has been received, in the place of earlier content of the same bytes, damaged or not. It is durable once
    /// this returns, and the file takes no more bytes.
    /// - Throws: `.full` and what else may pass (`isPassing`); the file is then as it was, and storing it can be tried again.
    func store(_ incoming: IncomingFile) async throws(ArchiveError) -> StoredObject

    /// Opens a content, whose bytes are not verified. Removing it does not disturb those who read it.
    /// - Throws: `.missing` if there is no such content.
    func open(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile

    /// Takes content that is not whole out of use and keeps it for a person to look at. Verified and moved in one step, so
    /// that whole content that somebody is just storing is never taken away.
    /// - Returns: how it was; `.whole` and `.missing` were left alone.
    func setAside(_ hash: ContentHash) async throws(ArchiveError) -> ObjectCondition

    /// Takes content out of use that no row remembers, and keeps it: it may be what an interrupted call has paid for. What
    /// was stored within `age` stays, because a row for it may be about to be written.
    /// - Returns: whether it was moved; false as well if there is no such content.
    func putAway(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool

    /// Puts content back into use that was set aside or put away and is whole: a disk may read today what it did not read
    /// yesterday.
    /// - Returns: whether there was such content.
    func takeBack(_ hash: ContentHash) async throws(ArchiveError) -> Bool

    /// Deletes content that no row refers to. What was stored within `age` stays, because a row for it may be about to be
    /// written.
    /// - Returns: whether it was deleted; false as well if there is no such content.
    func remove(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool
}

extension ContentStore {
    /// Stores a whole picture.
    /// - Returns: its defect if the bytes are none; the file is then as it was.
    package func storePicture(_ incoming: IncomingFile) async throws(ArchiveError) -> Result<
        StoredPicture, PictureDefect
    > {
        switch try await spool.inspect(incoming) {
        case .failure(let defect): return .failure(defect)
        case .success(let info):
            let object = try await store(incoming)
            return .success(StoredPicture(object, info))
        }
    }

    /// The picture that a content is.
    /// - Returns: nil if its bytes are none.
    package func picture(_ hash: ContentHash) async throws(ArchiveError) -> StoredPicture? {
        let file = try await open(hash)
        guard case .success(let info) = try await file.inspect() else { return nil }
        return StoredPicture(StoredObject(hash: hash, bytes: file.size), info)
    }
}

extension StoredPicture {
    fileprivate init(_ object: StoredObject, _ info: PictureInfo) {
        self.init(
            hash: object.hash, mediaType: info.format.mediaType, width: info.width, height: info.height,
            bytes: object.bytes, flaw: info.flaw)
    }
}
