extension Array {
    /// The index of the first element for which the condition is true; the count if there is none. This is a binary
    /// search.
    ///
    /// - Parameter isSecond: false for all elements before the index and true for all after it.
    func partitioningIndex(where isSecond: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if isSecond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
