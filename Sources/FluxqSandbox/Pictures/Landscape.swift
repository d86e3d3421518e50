import Glibc

/// An evening landscape drawn from a number: a sky, a sun with a glow, hills in the mist. The same number and size give
/// the same pixels; every number gives its own colours and hills.
///
/// Pixels are indices of a palette of 256 colours.
struct Landscape {
    let width: Int
    let height: Int
    /// 256 colours of three bytes: red, green, blue.
    let palette: [UInt8]

    /// Turns rounding into a fine pattern, so that gradients show no steps.
    private static let dither: [Int32] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5].map { $0 * 16 + 8 }

    /// The parts of the palette: first the sky, then the sun, then the hills from the farthest to the nearest.
    private static let skyShades = 112
    private static let sunShades = 16
    private static let hillShades = 16
    private static let mostHills = 8

    /// Steps of the glow, from the sun's edge outwards.
    private static let glowSteps = 255

    // Shades are counted in 256ths.
    private let skyByRow: [Int32]
    private let skyByColumn: [Int32]
    private let sunDistanceByRow: [Int32]
    private let sunDistanceByColumn: [Int32]
    private let glow: [Int32]
    private let sunEdge: Int32
    private let sunTop: Int
    private let sunShadesPerRow: Int32
    /// The top of each hill in each column, nearest hill first.
    private let hillTops: [[Int32]]
    /// The highest and the lowest row of each hill's top.
    private let hillReaches: [ClosedRange<Int32>]
    private let hillPalette: [Int32]
    private let hillShadesPerRow: [Int32]

    init(number: UInt64, width: Int, height: Int) {
        var random = SplitMix64(state: number)
        self.width = width
        self.height = height
        func across(_ column: Int) -> Double { Double(column) / Double(width) }
        func down(_ row: Int) -> Double { Double(row) / Double(height) }

        let hue = random.number(in: 0...1)
        let turn = random.number(in: 0.08...0.22) * (random.next() & 1 == 0 ? 1 : -1)
        let night = Colour(hue: hue, saturation: 0.55, lightness: random.number(in: 0.16...0.36))
        let horizon = Colour(hue: hue + turn, saturation: 0.8, lightness: random.number(in: 0.74...0.84))
        let sun = Colour(hue: hue + turn * 1.3, saturation: 0.9, lightness: 0.94)
        let near = Colour(hue: hue - turn * 0.6, saturation: 0.45, lightness: random.number(in: 0.09...0.16))
        let hills = 5 + Int(random.next() % 4)

        var colours: [Colour] = []
        for shade in 0..<Self.skyShades {
            colours.append(night.mixed(with: horizon, Double(shade) / Double(Self.skyShades - 1)))
        }
        for shade in 0..<Self.sunShades {
            colours.append(sun.mixed(with: horizon, Double(shade) / Double(Self.sunShades) * 0.55))
        }
        for hill in 0..<Self.mostHills {
            let nearness = min(1, Double(hill + 1) / Double(hills))
            let crest = horizon.mixed(with: near, 0.18 + 0.82 * nearness)
            let foot = crest.mixed(with: horizon, 0.34 * (1 - nearness * 0.75))
            for shade in 0..<Self.hillShades {
                colours.append(crest.mixed(with: foot, Double(shade) / Double(Self.hillShades - 1)))
            }
        }
        palette = colours.flatMap(\.bytes)

        // The sky grows lighter towards the horizon, in slow waves.
        let lightest = Double((Self.skyShades - 1) * 256)
        let skyEnd = random.number(in: 0.55...0.75)
        skyByRow = (0..<height).map { Int32(min(1, down($0) / skyEnd) * lightest * 0.86) }
        let waves = Waves(count: 3, from: 0.6, amplitude: 0.055, &random)
        skyByColumn = (0..<width).map { Int32(waves.height(at: across($0)) * lightest) }

        let smaller = Double(min(width, height))
        let centre = (
            x: random.number(in: 0.18...0.82) * Double(width), y: random.number(in: 0.2...0.5) * Double(height)
        )
        let radius = random.number(in: 0.055...0.11) * smaller
        let reach = radius * random.number(in: 4.5...7)
        // Distances are squared and scaled so that the glow's reach is `glowSteps`, and the sums fit 32 bits.
        let scale = Double(Self.glowSteps) / (reach * reach)
        func squared(_ position: Int, _ middle: Double) -> Int32 {
            let distance = Double(position) + 0.5 - middle
            return Int32(min(distance * distance * scale * 64, 1_000_000))
        }
        sunDistanceByRow = (0..<height).map { squared($0, centre.y) }
        sunDistanceByColumn = (0..<width).map { squared($0, centre.x) }
        sunEdge = Int32(radius * radius * scale * 64)
        sunTop = Int(centre.y - radius)
        sunShadesPerRow = Int32(Double(Self.sunShades * 256) / max(2 * radius, 1))
        let strength = random.number(in: 0.3...0.5) * lightest
        glow = (0...Self.glowSteps).map { step in
            let fall = 1 - (Double(step) / Double(Self.glowSteps)).squareRoot()
            return Int32(strength * fall * fall)
        }

        // Nearer hills are lower and broader.
        let first = random.number(in: 0.46...0.58)
        var tops: [[Int32]] = []
        var fades: [Int32] = []
        for hill in 0..<hills {
            let nearness = Double(hill) / Double(hills)
            let line = first + (1 - first) * (nearness * 0.92 + 0.02)
            let waves = Waves(
                count: 5, from: 0.7 + (1 - nearness) * 1.4, amplitude: 0.055 - 0.02 * nearness, &random)
            tops.append((0..<width).map { Int32((line + waves.height(at: across($0))) * Double(height)) })
            fades.append(Int32(Double(Self.hillShades * 256) / max(Double(height) * 0.2, 1)))
        }
        hillTops = tops.reversed()
        hillReaches = hillTops.map { ($0.min() ?? 0)...($0.max() ?? 0) }
        hillShadesPerRow = fades.reversed()
        hillPalette = (0..<hills).reversed().map { Int32(Self.skyShades + Self.sunShades + $0 * Self.hillShades) }
    }

    /// Draws a row: `width` palette indices.
    func draw(row: Int, into pixels: UnsafeMutablePointer<UInt8>) {
        let row32 = Int32(row)
        // Everything behind a hill that covers the whole row need not be drawn.
        let farthest = hillReaches.firstIndex { $0.upperBound <= row32 }
        if farthest == nil { drawSky(row: row, into: pixels) }
        for hill in hillTops[...(farthest ?? hillTops.count - 1)].indices.reversed()
        where hillReaches[hill].lowerBound <= row32 {
            drawHill(hill, row: row, into: pixels)
        }
    }

    private func drawSky(row: Int, into pixels: UnsafeMutablePointer<UInt8>) {
        let sky = skyByRow[row]
        let distanceDown = sunDistanceByRow[row]
        let sunShade = Int32(Self.skyShades) * 256 + Int32(max(row - sunTop, 0)) * sunShadesPerRow
        let sunLast = Int32(Self.skyShades + Self.sunShades - 1)
        let lightest = Int32(Self.skyShades - 1)
        let reach = Int32(Self.glowSteps) * 64
        let edge = sunEdge
        let width = width
        let ditherRow = (row & 3) &* 4
        withPointers(skyByColumn, sunDistanceByColumn, glow) { columns, distances, glow in
            Self.dither.withUnsafeBufferPointer { dither in
                guard let dither = dither.baseAddress else { return }
                var column = 0
                while column < width {
                    let rounding = dither[ditherRow &+ (column & 3)]
                    let distance = distanceDown &+ distances[column]
                    if distance <= edge {
                        pixels[column] = UInt8(truncatingIfNeeded: min((sunShade &+ rounding) >> 8, sunLast))
                    } else {
                        var shade = sky &+ columns[column] &+ rounding
                        if distance < reach { shade = shade &+ glow[Int(distance >> 6)] }
                        pixels[column] = UInt8(truncatingIfNeeded: max(0, min(shade >> 8, lightest)))
                    }
                    column &+= 1
                }
            }
        }
    }

    private func drawHill(_ hill: Int, row: Int, into pixels: UnsafeMutablePointer<UInt8>) {
        let first = hillPalette[hill]
        let last = Int32(Self.hillShades - 1)
        let shadesPerRow = hillShadesPerRow[hill]
        let row32 = Int32(row)
        let width = width
        let ditherRow = (row & 3) &* 4
        withPointers(hillTops[hill], Self.dither, []) { tops, dither, _ in
            var column = 0
            while column < width {
                let depth = row32 &- tops[column]
                if depth >= 0 {
                    let shade = (depth &* shadesPerRow &+ dither[ditherRow &+ (column & 3)]) >> 8
                    pixels[column] = UInt8(truncatingIfNeeded: first &+ min(shade, last))
                }
                column &+= 1
            }
        }
    }
}

/// Unsafe pointers to three arrays: in debug builds an order of magnitude faster than the arrays' subscripts.
private func withPointers(
    _ first: [Int32], _ second: [Int32], _ third: [Int32],
    _ body: (UnsafePointer<Int32>, UnsafePointer<Int32>, UnsafePointer<Int32>) -> Void
) {
    first.withUnsafeBufferPointer { first in
        second.withUnsafeBufferPointer { second in
            third.withUnsafeBufferPointer { third in
                guard let first = first.baseAddress, let second = second.baseAddress else { return }
                body(first, second, third.baseAddress ?? second)
            }
        }
    }
}

/// A sum of sines, each shorter and lower than the one before.
private struct Waves {
    private let parts: [(frequency: Double, phase: Double, amplitude: Double)]

    init(count: Int, from lowest: Double, amplitude: Double, _ random: inout SplitMix64) {
        var parts: [(frequency: Double, phase: Double, amplitude: Double)] = []
        var frequency = lowest
        var height = amplitude
        for _ in 0..<count {
            parts.append((frequency * random.number(in: 0.8...1.25), random.number(in: 0...1), height))
            frequency *= 2.1
            height *= 0.42
        }
        self.parts = parts
    }

    /// - Parameter position: from 0 at the left edge to 1 at the right.
    func height(at position: Double) -> Double {
        parts.reduce(0) { $0 + sin(2 * .pi * ($1.frequency * position + $1.phase)) * $1.amplitude }
    }
}

/// Red, green and blue, each from 0 to 1.
private struct Colour {
    private let red, green, blue: Double

    private init(red: Double, green: Double, blue: Double) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// - Parameter hue: turns of the colour wheel; whole turns make no difference.
    init(hue: Double, saturation: Double, lightness: Double) {
        let chroma = saturation * min(lightness, 1 - lightness)
        func channel(_ offset: Double) -> Double {
            let place = (offset + (hue - hue.rounded(.down)) * 12).truncatingRemainder(dividingBy: 12)
            return lightness - chroma * max(-1, min(place - 3, 9 - place, 1))
        }
        self.init(red: channel(0), green: channel(8), blue: channel(4))
    }

    func mixed(with other: Colour, _ share: Double) -> Colour {
        func mix(_ one: Double, _ two: Double) -> Double { one + (two - one) * share }
        return Colour(red: mix(red, other.red), green: mix(green, other.green), blue: mix(blue, other.blue))
    }

    var bytes: [UInt8] {
        [red, green, blue].map { UInt8(max(0, min(255, ($0 * 255).rounded()))) }
    }
}
