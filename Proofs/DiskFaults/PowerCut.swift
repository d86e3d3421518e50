import FluxqSandbox
import FluxqTestSupport

/// The fate of changes that were not synced.
package enum Fate: Sendable {
    /// No change is on the disk.
    case dropped
    /// Every change is on the disk.
    case whole
    /// Any subset of a file's sectors or of a directory's entries is on the disk.
    case torn
    /// The changes up to some point are on the disk; the write at that point may be torn.
    case begun
}

/// One possible result of a power cut.
package struct PowerCut: Sendable {
    /// nil: each file has its own fate.
    package var files: Fate?
    /// nil: each directory has its own fate.
    package var entries: Fate?
    package var seed: UInt64

    package init(files: Fate?, entries: Fate?, seed: UInt64) {
        self.files = files
        self.entries = entries
        self.seed = seed
    }

    /// Returns the extreme cuts first, then random ones.
    package static func variants(_ count: Int, seed: UInt64) -> [PowerCut] {
        let extremes: [(Fate, Fate)] = [(.dropped, .dropped), (.dropped, .whole), (.whole, .dropped), (.torn, .whole)]
        return (0..<count).map { index in
            let seed = seed &+ UInt64(index)
            guard index < extremes.count else { return PowerCut(files: nil, entries: nil, seed: seed) }
            return PowerCut(files: extremes[index].0, entries: extremes[index].1, seed: seed)
        }
    }
}

extension Disk {
    /// The unit that a disk writes atomically.
    private static let sector = 512

    /// Returns the contents that a start after the cut finds. The same cut of the same disk always gives the same
    /// contents.
    package func afterPowerCut(_ cut: PowerCut) -> DirectoryImage {
        var generator = SplitMix64(state: cut.seed)
        return image(
            entries: { Self.entries(of: $0, cut.entries ?? .drawn(&generator), &generator) },
            contents: { Self.contents(of: $0, cut.files ?? .drawn(&generator), &generator) })
    }

    private static func entries(
        of directory: Directory, _ fate: Fate, _ generator: inout SplitMix64
    ) -> [String: Node] {
        switch fate {
        case .dropped: return directory.durable
        case .whole: return directory.current
        case .begun:
            let kept = Int.random(in: 0...directory.pending.count, using: &generator)
            return directory.pending.prefix(kept).reduce(into: directory.durable) { $0[$1.name] = $1.node }
        case .torn:
            // Each name has its own fate, but its changes stay in order.
            var entries = directory.durable
            let changes = Dictionary(grouping: directory.pending, by: \.name).sorted { $0.key < $1.key }
            for (name, changes) in changes {
                let kept = Int.random(in: 0...changes.count, using: &generator)
                if kept > 0 { entries[name] = changes[kept - 1].node }
            }
            return entries
        }
    }

    private static func contents(
        of file: File, _ fate: Fate, _ generator: inout SplitMix64
    ) -> DirectoryImage.File {
        switch fate {
        case .dropped: return file.durable
        case .whole: return file.current
        case .torn: return tear(file.durable, by: file.pending[...], &generator)
        case .begun:
            let kept = Int.random(in: 0...file.pending.count, using: &generator)
            let begun = file.pending.prefix(kept).reduce(into: file.durable) { $0.apply($1) }
            return tear(begun, by: file.pending.dropFirst(kept).prefix(1), &generator)
        }
    }

    /// Each sector of each write, and every other change, is there or not. If the size grew but the bytes are missing,
    /// there are zeros.
    private static func tear(
        _ durable: DirectoryImage.File, by changes: ArraySlice<File.Change>, _ generator: inout SplitMix64
    ) -> DirectoryImage.File {
        var file = durable
        for change in changes {
            guard case .write(let offset, let data) = change else {
                if Bool.random(using: &generator) { file.apply(change) }
                continue
            }
            var start = 0
            while start < data.count {
                let end = min(data.count, ((offset + start) / sector + 1) * sector - offset)
                if Bool.random(using: &generator) { file.write(data[start..<end], at: offset + start) }
                start = end
            }
            if offset + data.count > file.bytes.count, Bool.random(using: &generator) {
                file.resize(to: offset + data.count)
            }
        }
        return file
    }
}

extension Fate {
    fileprivate static func drawn(_ generator: inout SplitMix64) -> Fate {
        [.dropped, .whole, .torn, .begun][Int.random(in: 0..<4, using: &generator)]
    }
}
