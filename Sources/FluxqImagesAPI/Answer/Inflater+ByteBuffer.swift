import FluxqFormats
import NIOCore

extension Inflater {
    /// Reads as much input as one piece of output needs.
    ///
    /// - Returns: nil if more input is needed first.
    func next(from input: inout ByteBuffer) throws(Broken) -> ByteBuffer? {
        while !isAtEnd, input.readableBytes > 0 || mayHoldMore {
            var output = ByteBuffer()
            var state = Step.State.running
            input.readWithUnsafeReadableBytes { bytes in
                var read = 0
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.pieceLength) { room in
                    let step = step(bytes, into: UnsafeMutableRawBufferPointer(rebasing: room.prefix(Self.pieceLength)))
                    (read, state) = (step.read, step.state)
                    return step.written
                }
                return read
            }
            // The output before an error is good.
            if output.readableBytes > 0 { return output }
            if state == .broken { throw Broken() }
            if state == .starved { return nil }
        }
        return nil
    }
}
