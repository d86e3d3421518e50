/// A path as the system has it: bytes, which need not be text of any encoding.
package struct BytePath: Hashable, Sendable {
    /// Without the NUL that ends it.
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// For people: what is not UTF-8 in it is replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Nil if it is not UTF-8.
    package var exactText: String? { String(validating: bytes, as: UTF8.self) }

    /// The path of a file in this directory.
    package func appending(_ name: String) -> BytePath {
        BytePath(bytes: bytes + (bytes.last == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]) + Array(name.utf8))
    }

    /// Calls `body` with the path as system calls take it.
    package func withCString<Result>(_ body: (UnsafePointer<CChar>) throws -> Result) rethrows -> Result {
        try body(bytes.map(CChar.init(bitPattern:)) + [0])
    }
}
