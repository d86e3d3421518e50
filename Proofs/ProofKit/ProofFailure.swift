/// Why a proof cannot go on, in words for whoever runs it.
package struct ProofFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
