import FluxqDiskFaults
import Testing

@Suite("What a power cut leaves")
struct PowerCutTests {
    private func disk(_ records: Trace.Record...) throws -> Disk {
        var disk = Disk()
        for record in records { try disk.apply(record) }
        return disk
    }

    /// Everything that any of many cuts leaves.
    private func outcomes(_ disk: Disk, seeds: Range<UInt64> = 0..<200) -> Set<DirectoryImage> {
        Set(seeds.map { disk.afterPowerCut(PowerCut(files: nil, entries: nil, seed: $0)) })
    }

    @Test("a file that was synced in a directory that was not may be gone; once both were, it is there whole")
    func entry() throws {
        var disk = try disk(
            .create(path: "a", inode: 1, mode: 0o600), .write(inode: 1, offset: 0, bytes: [1, 2, 3]), .sync(inode: 1))
        #expect(Set(outcomes(disk).map { $0.files["a"]?.bytes }) == [nil, [1, 2, 3]])
        try disk.apply(.syncDirectory(path: ""))
        #expect(Set(outcomes(disk).map { $0.files["a"]?.bytes }) == [[1, 2, 3]])
    }

    @Test("a sync of the directory makes the name durable and not the bytes")
    func bytes() throws {
        let disk = try disk(
            .create(path: "a", inode: 1, mode: 0o600), .write(inode: 1, offset: 0, bytes: [1]), .syncDirectory(path: "")
        )
        #expect(Set(outcomes(disk).map { $0.files["a"]?.bytes }) == [[], [0], [1]])
    }

    @Test("of an unsynced write any 512-byte sectors are there, and what was synced before stays under the others")
    func torn() throws {
        let disk = try disk(
            .create(path: "a", inode: 1, mode: 0o600),
            .write(inode: 1, offset: 0, bytes: [UInt8](repeating: 1, count: 1024)), .sync(inode: 1),
            .syncDirectory(path: ""), .write(inode: 1, offset: 256, bytes: [UInt8](repeating: 2, count: 512)))
        func file(_ pieces: [(UInt8, Int)]) -> [UInt8] { pieces.flatMap { [UInt8](repeating: $0, count: $1) } }
        #expect(
            Set(outcomes(disk).compactMap { $0.files["a"]?.bytes }) == [
                file([(1, 1024)]), file([(1, 256), (2, 256), (1, 512)]), file([(1, 512), (2, 256), (1, 256)]),
                file([(1, 256), (2, 512), (1, 256)]),
            ])
    }

    @Test("a rename leaves the old or the new under a name that was there, never nothing")
    func renamed() throws {
        let disk = try disk(
            .create(path: "old", inode: 1, mode: 0o600), .write(inode: 1, offset: 0, bytes: [1]), .sync(inode: 1),
            .syncDirectory(path: ""), .create(path: "new", inode: 2, mode: 0o600),
            .write(inode: 2, offset: 0, bytes: [2]), .sync(inode: 2), .rename(path: "new", to: "old"))
        #expect(Set(outcomes(disk).map { $0.files["old"]?.bytes }) == [[1], [2]])
    }

    @Test("what stands in a directory whose own entry was not synced goes with it")
    func nested() throws {
        var disk = try disk(
            .make(path: "d"), .create(path: "d/a", inode: 1, mode: 0o600), .sync(inode: 1), .syncDirectory(path: "d"))
        #expect(outcomes(disk).contains { $0.directories.isEmpty && $0.files.isEmpty })
        try disk.apply(.syncDirectory(path: ""))
        #expect(outcomes(disk).allSatisfy { $0.files["d/a"] != nil })
    }

    @Test("an inode that the system gives out again is another file")
    func reused() throws {
        let disk = try disk(
            .create(path: "a", inode: 1, mode: 0o600), .write(inode: 1, offset: 0, bytes: [1]), .remove(path: "a"),
            .create(path: "b", inode: 1, mode: 0o600))
        #expect(disk.current.files == ["b": .init(bytes: [], mode: 0o600)])
    }

    @Test("the same seed leaves the same, and a call that was not recorded is noticed")
    func deterministic() throws {
        var disk = try disk(
            .create(path: "a", inode: 1, mode: 0o600),
            .write(inode: 1, offset: 0, bytes: [UInt8](repeating: 7, count: 9000)))
        let cut = PowerCut(files: .torn, entries: nil, seed: 42)
        #expect(disk.afterPowerCut(cut) == disk.afterPowerCut(cut))
        #expect(throws: Disk.Contradiction.self) { try disk.apply(.write(inode: 2, offset: 0, bytes: [1])) }
    }
}
