/// Why a proof cannot continue, in words for its user.
package struct ProofFailure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
