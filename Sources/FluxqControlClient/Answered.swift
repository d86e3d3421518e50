/// A document as this program reads it, and as the daemon wrote it.
package struct Answered<Document: Sendable>: Sendable {
    package let document: Document
    /// The body byte for byte: fields that this program does not know yet are still in it.
    package let json: [UInt8]
}
