/// The reason why a proof cannot continue, for the person who runs it.
package struct ProofFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
