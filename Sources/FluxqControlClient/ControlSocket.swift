import FluxqControl
package import FluxqHost
import Glibc
import SystemPackage

/// The socket that a client uses, and the checks before it connects.
package struct ControlSocket: Hashable, Sendable {
    package let location: BytePath
    /// True if the user named it: then its owner is not checked.
    package let chosen: Bool
    /// True if the environment named it, perhaps long ago or set by another person.
    private let isOfEnvironment: Bool

    /// The path for messages.
    package var path: String { location.text }

    /// - Parameters:
    ///   - option: the value of `--socket`.
    ///   - environment: the value of `$FLUXQ_SOCKET`; empty is the same as absent.
    package init(option: BytePath?, environment: BytePath?) {
        let named = option ?? environment.flatMap { $0.bytes.isEmpty ? nil : $0 }
        location = named ?? BytePath(SocketPath.standard)
        chosen = named != nil
        isOfEnvironment = option == nil && named != nil
    }

    package init(option: String?, environment: String?) {
        self.init(option: option.map(BytePath.init(_:)), environment: environment.map(BytePath.init(_:)))
    }

    /// A file's owner and mode, on which trust depends.
    struct Ownership: Hashable, Sendable {
        var uid: UInt32
        var mode: UInt32
    }

    /// Finds errors that a failed connection would report less clearly. Refuses a socket that a user other than root
    /// and the caller could have put there.
    func check(caller: UInt32 = geteuid()) throws(ControlClientError) {
        let bytes = location.bytes.count
        guard bytes <= UnixSocketAddress.maxPathBytes else { throw .pathTooLong(path: path, bytes: bytes) }
        var file = stat()
        // The default socket must not be a link, which could lead out of the directory that is checked.
        guard (location.withCString { chosen ? stat($0, &file) : lstat($0, &file) }) == 0 else {
            throw unreachable(.last)
        }
        if file.st_mode & S_IFMT == S_IFLNK { throw .untrustedSocket(path: path, .symbolicLink) }
        guard file.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        if chosen { return }
        let name = UnixSocketAddress.directory(of: path)
        var folder = stat()
        guard stat(name, &folder) == 0 else { throw unreachable(.last) }
        if let distrust = Self.distrust(
            socket: .init(uid: file.st_uid, mode: file.st_mode),
            directory: .init(uid: folder.st_uid, mode: folder.st_mode), named: name, caller: caller)
        {
            throw .untrustedSocket(path: path, distrust)
        }
    }

    /// The owner of a socket that the environment names, if that is neither root nor the caller: the process that
    /// listens there gets the pictures.
    package func foreignOwner(caller: UInt32 = geteuid()) -> UInt32? {
        var file = stat()
        guard isOfEnvironment, location.withCString({ stat($0, &file) }) == 0, file.st_uid != 0, file.st_uid != caller
        else { return nil }
        return file.st_uid
    }

    /// The reason why the socket cannot be trusted; nil if it can. Root can do anything anyway, so root's files are
    /// trusted.
    static func distrust(
        socket: Ownership, directory: Ownership, named name: String, caller: UInt32
    ) -> ControlClientError.Distrust? {
        let trusted: Set<UInt32> = [0, caller]
        if !trusted.contains(socket.uid) { return .socketOwner(uid: socket.uid) }
        if !trusted.contains(directory.uid) { return .directoryOwner(directory: name, uid: directory.uid) }
        if directory.mode & UInt32(S_IWGRP | S_IWOTH) != 0 {
            return .directoryWritable(directory: name, mode: directory.mode & 0o7777)
        }
        return nil
    }

    /// True if the directory exists, so that a daemon could put a socket there.
    var directoryIsThere: Bool {
        access(UnixSocketAddress.directory(of: path), F_OK) == 0
    }

    /// The client's error for the error number of a system call.
    func unreachable(_ code: Errno) -> ControlClientError {
        switch code {
        case .noSuchFileOrDirectory, .notDirectory: .noDaemon(path: path, .missing)
        case .connectionRefused: .noDaemon(path: path, .nobodyListening)
        case .resourceTemporarilyUnavailable: .noDaemon(path: path, .busy)
        case .permissionDenied, .notPermitted: .permissionDenied(path: path)
        case .protocolWrongTypeForSocket: .notASocket(path: path)
        default: .noDaemon(path: path, .unreachable(code))
        }
    }
}
