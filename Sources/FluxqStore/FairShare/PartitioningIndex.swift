extension Array {
    /// The place of the first element that the condition holds for; the count if there is none. Takes as many looks as the
    /// count has binary digits.
    ///
    /// - Parameter isSecond: holds for no element before one that it does not hold for.
    func partitioningIndex(where isSecond: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
