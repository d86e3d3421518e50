package import FluxqFormats
package import FluxqModel

/// The store of content, with all operations that the daemon, its workers and the repair use. `LocalArchive` stores
/// content in files of this host.
///
/// ```
/// spool.receive ──> bytes on this host ──> store ──> durable ──> the caller's row, and never before
/// ```
///
/// **Bytes durable first, then the row.** A row of the database refers to content only after `store` has returned. So a
/// crash leaves content without a row, which does no harm, and never a row without its content. Deletion is in the
/// opposite order: `remove` comes after the last row has gone. The types enforce the order: the operations that write
/// such rows need a `StoredPicture` or the data of a `StoredObject`, and only a content store creates these. If `store`
/// fails, each of the three callers reacts in its own way: an upload is refused, a download tries again, an answer
/// waits until every one of its pictures is stored.
///
/// The content's age prevents a race between a removal and a new row, see `remove`. Several callers may store, read and
/// remove the same content at once. Every call suspends until it is done and blocks no thread of Swift's tasks. It runs
/// to its end even if the task is canceled. An error with `isFatal` is reported to the opener of the store before it is
/// thrown: the process has to end.
package protocol ContentStore: ContentReader {
    /// The spool that receives bytes before they are stored.
    var spool: Spool { get }

    /// The name of the directory to which `setAside` moves damaged content, such as `damaged`, below the state
    /// directory.
    var damagedName: String { get }
    /// The name of the directory to which `putAway` moves content, such as `stray`.
    var strayName: String { get }

    /// Stores a received file. It replaces earlier content of the same hash, damaged or not. The content is durable
    /// once this returns, and the file accepts no more bytes.
    /// - Throws: `.full` and other errors that may pass (`isPassing`). The file is then unchanged and can be stored
    ///   again.
    func store(_ incoming: IncomingFile) async throws(ArchiveError) -> StoredObject

    /// Opens a content without verifying its bytes. Removing the content does not disturb readers.
    /// - Throws: `.missing` if there is no such content.
    func open(_ hash: ContentHash) async throws(ArchiveError) -> ArchivedFile

    /// Takes content that is not whole out of use and keeps it for a person to examine. Verifies and moves in one step,
    /// so that it never takes away whole content that another caller is storing.
    /// - Returns: the condition found; `.whole` and `.missing` content is left alone.
    func setAside(_ hash: ContentHash) async throws(ArchiveError) -> ObjectCondition

    /// Takes content without a row out of use and keeps it: an interrupted call may have paid for it. Content stored
    /// within `age` stays, because its row may be about to be written.
    /// - Returns: true if it was moved; false also if there is no such content.
    func putAway(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool

    /// Puts content back into use that was set aside or put away and is whole. A disk may read today what it could not
    /// read yesterday.
    /// - Returns: true if there was such content.
    func takeBack(_ hash: ContentHash) async throws(ArchiveError) -> Bool

    /// Deletes content that no row refers to. Content stored within `age` stays, because its row may be about to be
    /// written.
    /// - Returns: true if it was deleted; false also if there is no such content.
    func remove(_ hash: ContentHash, olderThan age: Duration) async throws(ArchiveError) -> Bool
}

extension ContentStore {
    /// Stores the file if it is a whole picture.
    /// - Returns: the defect if the bytes are not a picture; the file is then unchanged.
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

    /// Returns the description of a stored picture.
    /// - Returns: nil if its bytes are not a picture.
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
