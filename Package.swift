// swift-tools-version: 6.2
import PackageDescription

/// `make fuzz` builds with it, in a folder of its own: every branch of our modules then tells libFuzzer that it was taken.
let isFuzzed = Context.environment["FLUXQ_FUZZ"] != nil

/// Settings of every target: today's language and the upcoming features that keep interfaces honest.
/// Warnings are errors where `CI` is set, so that a newer compiler's new warning never stops a user's build.
let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])
    + (isFuzzed ? [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])] : [])

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let serviceLifecycleTestKit = Target.Dependency.product(
    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A module's own tests; `also` names what they drive besides the module.
func tests(_ module: String, also: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(module)Tests", dependencies: [.target(name: module), "FluxqTestSupport"] + also,
        swiftSettings: settings)
}

let fuzzTargets: [Target] = [
    .systemLibrary(name: "LibFuzzer", path: "Fuzz/LibFuzzer"),
    .executableTarget(
        name: "fluxq-fuzz",
        dependencies: ["FluxqFormats", "FluxqModel", "FluxqControl", "FluxqImagesAPI", "LibFuzzer", nioCore],
        path: "Fuzz/fluxq-fuzz", swiftSettings: settings,
        // The default linker, gold, ends with an internal error when it is to link libFuzzer.
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
]

let package = Package(
    name: "fluxq",
    products: [
        .executable(name: "fluxqd", targets: ["fluxqd"]),
        .executable(name: "fluxq", targets: ["fluxq"]),
        .executable(name: "fluxq-sandbox", targets: ["fluxq-sandbox"]),
        .library(name: "FluxqSystemCallShim", type: .dynamic, targets: ["SystemCallShim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        // Without its trait for Foundation, which nothing here needs.
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
    ],
    targets: [
        // Layer 8, as docs/architecture.md draws them: the programs, which know only how to start.
        .executableTarget(name: "fluxqd", dependencies: ["FluxqDaemon"], swiftSettings: settings),
        .executableTarget(name: "fluxq", dependencies: ["FluxqCommands"], swiftSettings: settings),
        .executableTarget(
            name: "fluxq-sandbox", dependencies: ["FluxqHost", "FluxqSandbox", argumentParser, logging, systemPackage],
            swiftSettings: settings),

        // Layer 7: composition and verbs.
        module(
            "FluxqDaemon",
            [
                "FluxqHost", "FluxqModel", "FluxqControl", "FluxqStore", "FluxqArchive", "FluxqImagesAPI",
                "FluxqMaintenance", "FluxqControlServer", "FluxqDoor", "FluxqWorkers", argumentParser, logging,
                serviceLifecycle, unixSignals, nioCore, nioPosix, systemPackage, yams,
            ]),
        module(
            "FluxqCommands",
            [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqWords", "FluxqControl", "FluxqControlClient",
                argumentParser, crypto, nioPosix, systemPackage,
            ]),

        // Layer 6: another interface on the control server's connections.
        module(
            "FluxqDoor",
            [
                "FluxqModel", "FluxqFormats", "FluxqWords", "FluxqControl", "FluxqStore", "FluxqArchive",
                "FluxqMaintenance", "FluxqControlServer", "FluxqHost", hummingbirdCore, httpTypes, nioCore, logging,
                serviceLifecycle, crypto,
            ]),

        // Layer 5: the two sides of the socket, and the work.
        module(
            "FluxqControlServer",
            [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqWords", "FluxqControl", "FluxqStore", "FluxqArchive",
                "FluxqImagesAPI", "FluxqMaintenance", hummingbirdCore, httpTypes, nioCore, nioPosix, nioHTTPTypes,
                logging, serviceLifecycle, crypto,
            ]),
        module(
            "FluxqWorkers",
            [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqWords", "FluxqStore", "FluxqArchive", "FluxqImagesAPI",
                "FluxqMaintenance", nioCore, logging, serviceLifecycle,
            ]),
        module("FluxqControlClient", ["FluxqHost", "FluxqControl", nioCore, nioPosix, nioHTTP1, systemPackage]),

        // Layer 4: the store and the archive together.
        module(
            "FluxqMaintenance",
            ["FluxqHost", "FluxqModel", "FluxqStore", "FluxqArchive", logging, nioCore, systemPackage]),

        // Layer 3: one outside thing each.
        module("FluxqStore", ["FluxqHost", "FluxqModel", "FluxqMigrations", grdb, sqlite, logging, systemPackage]),
        module("FluxqArchive", ["FluxqHost", "FluxqModel", "FluxqFormats", crypto, nioCore, nioPosix, systemPackage]),
        module(
            "FluxqImagesAPI",
            [
                "FluxqHost", "FluxqModel", "FluxqFormats", asyncHTTPClient, crypto, nioCore, nioPosix, nioHTTP1,
                logging,
            ]),
        module("FluxqControl", ["FluxqModel", "FluxqFormats"]),
        module("FluxqWords", ["FluxqModel", "FluxqFormats"]),
        module(
            "FluxqSandbox",
            [
                "FluxqHost", "FluxqFormats", "CZlib", hummingbirdCore, httpTypes, nioCore, nioPosix, crypto, logging,
                systemPackage,
            ]),

        // Layer 2: rules and formats.
        module("FluxqModel", ["FluxqHost"]),
        module("FluxqFormats", ["CZlib"]),
        .target(
            name: "FluxqMigrations", path: "migrations",
            resources: [
                .embedInCode("0001_jobs.sql"), .embedInCode("0002_limits.sql"), .embedInCode("0003_access.sql"),
                .embedInCode("0004_repair.sql"), .embedInCode("0005_holding.sql"), .embedInCode("0006_worked.sql"),
                .embedInCode("0007_line.sql"), .embedInCode("0008_lanes.sql"), .embedInCode("0009_answers.sql"),
                .embedInCode("0010_downloads.sql"), .embedInCode("0011_books.sql"),
                .embedInCode("0012_api.sql"), .embedInCode("0013_names.sql"),
                .embedInCode("0014_forgetting.sql"), .embedInCode("0015_retries.sql"),
                .embedInCode("0016_live_text.sql"), .embedInCode("0017_phases.sql"),
                .embedInCode("0018_messages.sql"), .embedInCode("0019_door.sql"),
            ], swiftSettings: settings),

        // Layer 1: what the operating system gives. It knows nothing of fluxq.
        module("FluxqHost", ["CLinux", logging, subprocess, systemPackage]),

        // Layer 0: the system's libraries.
        .systemLibrary(name: "CZlib", path: "Sources/CZlib"),
        .systemLibrary(name: "CLinux", path: "Sources/CLinux"),

        // `make bench`.
        .executableTarget(
            name: "fluxq-bench",
            dependencies: [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqControl", "FluxqControlClient", "FluxqStore",
                "FluxqSandbox", argumentParser, nioPosix,
            ],
            path: "Benchmarks/fluxq-bench", swiftSettings: settings),

        // `make simtest`.
        .executableTarget(
            name: "fluxq-simtest",
            dependencies: [
                "FluxqHost", "FluxqModel", "FluxqWords", "FluxqStore", "FluxqArchive", "FluxqImagesAPI", "FluxqWorkers",
                "FluxqDoor", "FluxqTestSupport", argumentParser, crypto, grdb, logging, nioCore,
                serviceLifecycleTestKit,
            ],
            path: "Proofs/simtest", swiftSettings: settings),
        // The proofs: `make crashtest` and its like.
        .target(
            name: "FluxqProofKit",
            dependencies: [
                "FluxqHost", "FluxqModel", "FluxqControl", "FluxqControlClient", "FluxqSandbox", "FluxqTestSupport",
                crypto, grdb, logging, nioPosix,
            ],
            path: "Proofs/ProofKit", swiftSettings: settings),
        .executableTarget(
            name: "crashtest",
            dependencies: [
                "FluxqModel", "FluxqWorkers", "FluxqControl", "FluxqControlClient", "FluxqSandbox", "FluxqTestSupport",
                "FluxqProofKit", argumentParser, crypto, unixSignals,
            ],
            path: "Proofs/crashtest", swiftSettings: settings),
        // Preloaded into fluxqd: makes system calls fail, or records them.
        .target(
            name: "SystemCallShim", path: "Proofs/SystemCallShim", publicHeadersPath: ".",
            cSettings: [.headerSearchPath("../SystemCallShimInterface")]),
        .systemLibrary(name: "SystemCallShimInterface", path: "Proofs/SystemCallShimInterface"),
        .target(
            name: "FluxqDiskFaults",
            dependencies: ["SystemCallShimInterface", "FluxqSandbox", "FluxqTestSupport", systemPackage],
            path: "Proofs/DiskFaults", swiftSettings: settings),
        .executableTarget(
            name: "attacktest",
            dependencies: ["FluxqHost", "FluxqDiskFaults", "FluxqProofKit", "FluxqTestSupport", argumentParser],
            path: "Proofs/attacktest", swiftSettings: settings),
        .executableTarget(
            name: "powertest",
            dependencies: [
                "FluxqDiskFaults", "FluxqProofKit", "FluxqModel", "FluxqControl", "FluxqControlClient", "FluxqSandbox",
                "FluxqFormats", "FluxqTestSupport", argumentParser, grdb,
            ],
            path: "Proofs/powertest", swiftSettings: settings),
        .executableTarget(
            name: "faulttest",
            dependencies: [
                "FluxqDiskFaults", "FluxqProofKit", "FluxqModel", "FluxqControl", "FluxqControlClient", "FluxqSandbox",
                "FluxqFormats", "FluxqTestSupport", argumentParser,
            ],
            path: "Proofs/faulttest", swiftSettings: settings),

        // Tests.
        .target(
            name: "FluxqTestSupport",
            dependencies: ["FluxqFormats", "FluxqModel", "FluxqWords", "FluxqStore", logging, systemPackage],
            path: "Tests/FluxqTestSupport",
            swiftSettings: settings),
        tests("FluxqHost", also: [logging, systemPackage]),
        tests("FluxqModel"),
        tests("FluxqWords", also: ["FluxqModel"]),
        tests("FluxqFormats"),
        tests("FluxqControl", also: ["FluxqModel", "FluxqFormats"]),
        tests("FluxqStore", also: ["FluxqModel", "FluxqWords", "FluxqMigrations", grdb]),
        tests("FluxqArchive", also: ["FluxqModel", "FluxqFormats", "archive-probe", nioCore, systemPackage]),
        // Stores its standard input in an archive, for the tests that watch a whole process's system calls.
        .executableTarget(
            name: "archive-probe", dependencies: ["FluxqArchive", "FluxqModel", nioCore], path: "Tests/ArchiveProbe",
            swiftSettings: settings),
        tests(
            "FluxqImagesAPI",
            also: ["FluxqModel", "FluxqFormats", "FluxqWords", nioCore, nioEmbedded, nioPosix, nioHTTP1]),
        tests("FluxqSandbox", also: ["FluxqFormats", asyncHTTPClient, logging, nioCore, nioHTTP1]),
        tests(
            "FluxqMaintenance",
            also: ["FluxqModel", "FluxqWords", "FluxqStore", "FluxqArchive", grdb, logging, nioCore]),
        tests(
            "FluxqWorkers",
            also: [
                "FluxqModel", "FluxqWords", "FluxqStore", "FluxqArchive", "FluxqImagesAPI", nioCore, logging,
                serviceLifecycle,
            ]),
        tests(
            "FluxqControlServer",
            also: [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqControl", "FluxqStore", "FluxqArchive",
                asyncHTTPClient, nioCore, nioHTTP1, nioPosix, logging, serviceLifecycle, systemPackage, yams,
            ]),
        tests(
            "FluxqDoor",
            also: [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqControl", "FluxqStore", "FluxqArchive",
                "FluxqControlServer", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, logging, serviceLifecycle,
                systemPackage, yams,
            ]),
        tests(
            "FluxqDaemon",
            also: [
                "FluxqHost", "FluxqModel", "FluxqArchive", "FluxqStore", "FluxqImagesAPI", "FluxqDoor", "FluxqWorkers",
                logging, systemPackage,
            ]),
        tests("FluxqControlClient", also: ["FluxqHost", "FluxqControl", "FluxqModel", systemPackage]),
        tests(
            "FluxqCommands",
            also: [
                "FluxqHost", "FluxqModel", "FluxqFormats", "FluxqWords", "FluxqControl", "FluxqControlServer",
                "FluxqControlClient", argumentParser, crypto, systemPackage,
            ]),
        .testTarget(
            name: "FluxqEndToEndTests",
            dependencies: [
                "fluxq", "fluxqd", "fluxq-sandbox", "FluxqTestSupport", "FluxqControl", "FluxqModel", "FluxqWords",
                "FluxqSandbox", grdb,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FluxqSimulationTests", dependencies: ["fluxq-simtest", "FluxqTestSupport"], swiftSettings: settings),
        .testTarget(
            name: "FluxqProofTests",
            dependencies: [
                "fluxqd", "fluxq", "powertest", "faulttest", "FluxqDiskFaults", "FluxqProofKit", "FluxqTestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FluxqRepositoryTests", dependencies: ["FluxqTestSupport", "FluxqMigrations", "FluxqSandbox"],
            swiftSettings: settings),
    ] + (isFuzzed ? fuzzTargets : [])
)
