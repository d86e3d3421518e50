/// The reason why this program cannot listen at a path.
package enum ListeningSocketError: Error, Hashable, Sendable {
    case badPath(String)
    case directoryMissing(String)
    case notPermitted(String)
    case directoryOfEverybody(String)
    case notASocket(String)
    case inUse(String)
    case failed(String, SystemError)
}
