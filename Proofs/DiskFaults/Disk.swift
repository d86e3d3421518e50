/// The calls that a file system has received, and which of their effects survive a power cut. It assumes only what
/// POSIX promises.
///
/// The bytes and the size of a file survive once the file has been synced. An entry of a directory (made, renamed,
/// removed) survives once the directory has been synced. Any part of later changes may be on the disk.
package struct Disk: Sendable {
    struct File {
        enum Change {
            case write(offset: Int, bytes: [UInt8])
            case truncate(size: Int)
            case mode(Int)
        }

        var durable: DirectoryImage.File
        /// Changes since the last sync, in order.
        var pending: [Change] = []

        var current: DirectoryImage.File { pending.reduce(into: durable) { $0.apply($1) } }
    }

    enum Node: Hashable {
        case file(Int)
        case directory(Int)
    }

    struct Directory {
        struct Change {
            let name: String
            /// nil if the entry was removed.
            let node: Node?
        }

        var durable: [String: Node] = [:]
        var current: [String: Node] = [:]
        /// Changes since the last sync, in order.
        var pending: [Change] = []

        mutating func set(_ name: String, _ node: Node?) {
            current[name] = node
            pending.append(Change(name: name, node: node))
        }
    }

    /// A record that contradicts those before it: a call was not recorded.
    package struct Contradiction: Error, CustomStringConvertible {
        package let description: String
    }

    private(set) var files: [File] = []
    /// The first one is the root.
    private(set) var directories = [Directory()]
    /// The latest file with an inode number. The system reuses the number when its file is gone.
    private var fileOfInode: [UInt64: Int] = [:]

    package init() {}

    /// - Throws: `Contradiction`.
    package mutating func apply(_ record: Trace.Record) throws {
        switch record {
        case .create(let path, let inode, let mode):
            files.append(File(durable: .init(bytes: [], mode: mode)))
            fileOfInode[inode] = files.count - 1
            let (directory, name) = try split(path)
            directories[directory].set(name, .file(files.count - 1))
        case .write(let inode, let offset, let bytes):
            files[try file(inode, record)].pending.append(.write(offset: offset, bytes: bytes))
        case .truncate(let inode, let size):
            files[try file(inode, record)].pending.append(.truncate(size: size))
        case .sync(let inode):
            let file = try file(inode, record)
            files[file].durable = files[file].current
            files[file].pending = []
        case .syncDirectory(let path):
            guard case .directory(let directory)? = node(at: path) else { throw missing(path) }
            directories[directory].durable = directories[directory].current
            directories[directory].pending = []
        case .rename(let path, let to):
            guard let node = node(at: path) else { throw missing(path) }
            let (from, old) = try split(path)
            let (into, new) = try split(to)
            directories[into].set(new, node)
            directories[from].set(old, nil)
        case .link(let path, let to):
            guard let node = node(at: path) else { throw missing(path) }
            let (into, new) = try split(to)
            directories[into].set(new, node)
        case .remove(let path):
            guard node(at: path) != nil else { throw missing(path) }
            let (directory, name) = try split(path)
            directories[directory].set(name, nil)
        case .make(""):
            // The directory itself: its location is not the program's business.
            break
        case .make(let path):
            directories.append(Directory())
            let (directory, name) = try split(path)
            directories[directory].set(name, .directory(directories.count - 1))
        case .changeMode(let inode, let mode):
            files[try file(inode, record)].pending.append(.mode(mode))
        case .droppedSync, .mark:
            break
        }
    }

    /// The contents that the running system shows.
    package var current: DirectoryImage {
        image(entries: { $0.current }, contents: { $0.current })
    }

    /// Walks all entries that can be reached from the root.
    func image(
        entries: (Directory) -> [String: Node], contents: (File) -> DirectoryImage.File
    ) -> DirectoryImage {
        var image = DirectoryImage()
        var waiting = [(path: "", directory: 0)]
        while let (path, directory) = waiting.popLast() {
            // In a fixed order, so that one seed gives one image.
            for (name, node) in entries(directories[directory]).sorted(by: { $0.key < $1.key }) {
                let path = path.isEmpty ? name : "\(path)/\(name)"
                switch node {
                case .file(let file): image.files[path] = contents(files[file])
                case .directory(let inner):
                    image.directories.insert(path)
                    waiting.append((path, inner))
                }
            }
        }
        return image
    }

    private func node(at path: String) -> Node? {
        path.split(separator: "/").reduce(Node.directory(0)) { (node: Node?, name) in
            guard case .directory(let directory)? = node else { return nil }
            return directories[directory].current[String(name)]
        }
    }

    private func split(_ path: String) throws -> (directory: Int, name: String) {
        var parts = path.split(separator: "/")
        guard let name = parts.popLast(), case .directory(let directory)? = node(at: parts.joined(separator: "/"))
        else {
            throw missing(path)
        }
        return (directory, String(name))
    }

    private func file(_ inode: UInt64, _ record: Trace.Record) throws -> Int {
        guard let file = fileOfInode[inode] else {
            throw Contradiction(
                description: "A recorded call is about a file that no recorded call has made: \(inode).")
        }
        return file
    }

    private func missing(_ path: String) -> Contradiction {
        Contradiction(description: "A recorded call is about \(path), which no recorded call has made.")
    }
}

extension DirectoryImage.File {
    mutating func apply(_ change: Disk.File.Change) {
        switch change {
        case .truncate(let size): resize(to: size)
        case .write(let offset, let bytes): write(bytes[...], at: offset)
        case .mode(let mode): self.mode = mode
        }
    }

    mutating func resize(to size: Int) {
        if size < bytes.count {
            bytes.removeLast(bytes.count - size)
        } else {
            bytes.append(contentsOf: repeatElement(0, count: size - bytes.count))
        }
    }

    mutating func write(_ new: ArraySlice<UInt8>, at offset: Int) {
        if offset + new.count > bytes.count { resize(to: offset + new.count) }
        bytes.replaceSubrange(offset..<offset + new.count, with: new)
    }
}
