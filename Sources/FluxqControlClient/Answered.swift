/// A document as decoded by this program, and as the daemon wrote it.
package struct Answered<Document: Sendable>: Sendable {
    package let document: Document
    /// The body byte for byte, including fields that this program does not know.
    package let json: [UInt8]
}
