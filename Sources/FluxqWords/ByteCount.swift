/// Sizes in words: "512 B", "1.3 MiB".
package enum ByteCount {
    package static func words(_ bytes: Int64) -> String {
        var unit = "B"
        var tenths = bytes * 10
        for larger in ["KiB", "MiB", "GiB", "TiB"] where tenths >= 10_240 {
            tenths = (tenths + 512) / 1024
            unit = larger
        }
        return unit == "B" ? "\(bytes) B" : "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}
