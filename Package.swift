// swift-tools-version: 6.3
import Foundation
import PackageDescription

/// Every target: Swift 6, strict memory safety, explicit existentials and imports. CI adds
/// `-warnings-as-errors`, so a warning is welcome while you experiment and fatal when you push.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// The processor that the numeric targets are compiled for, on x86-64 only:
///
///     KVPOLICY_CPU=baseline   every x86-64: no vector flags
///     KVPOLICY_CPU=avx2       the default: AVX2 and FMA, eight floats in a register
///     KVPOLICY_CPU=avx512     AVX-512 with VNNI, sixteen floats in a register
///     KVPOLICY_CPU=native     the last of these that this machine can run (Linux)
///
/// All give the same numbers up to rounding. Set `baseline` too when you cross-compile from x86-64:
/// `arch` is that of the machine that builds.
func vectorSettings() -> (flags: [String], defines: [String]) {
  let avx2 = (flags: ["-Xcc", "-march=x86-64-v3"], defines: ["KVPOLICY_FMA"])
  let avx512 = (
    flags: ["-Xcc", "-march=x86-64-v4", "-Xcc", "-mavx512vnni"],
    defines: ["KVPOLICY_FMA", "KVPOLICY_AVX512"]
  )
  let name = Context.environment["KVPOLICY_CPU"] ?? "avx2"
  switch name {
  case "baseline": return ([], [])
  case "avx2": return avx2
  case "avx512": return avx512
  case "native":
    let words = Set(
      ((try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? "").split {
        $0.isWhitespace
      }.map(String.init))
    let wide = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni"]
    if words.isSuperset(of: wide) { return avx512 }
    return words.isSuperset(of: ["avx2", "fma", "f16c"]) ? avx2 : ([], [])
  default:
    fatalError("KVPOLICY_CPU is '\(name)'; it can be baseline, avx2, avx512 or native")
  }
}

/// The numeric targets are optimised in debug builds too (`swift test` runs a real model).
let optimised =
  strict + [
    // Whole-module, as in release: kernels specialise across files.
    .unsafeFlags(
      ["-O", "-wmo", "-num-threads", "2", "-disable-batch-mode"], .when(configuration: .debug))
  ]
var numeric = optimised
/// The command line is compiled for every processor, to say which one it needs before it calls the
/// rest.
var command = strict
#if arch(x86_64)
  let vectors = vectorSettings()
  numeric += vectors.defines.map { .define($0) }
  if !vectors.flags.isEmpty { numeric.append(.unsafeFlags(vectors.flags)) }
  command += vectors.defines.map { .define($0) }
#endif

/// The floor of a benchmark is the processor's, whatever the build: this one loop always has
/// AVX-512.
var wide = optimised
#if arch(x86_64)
  wide.append(.unsafeFlags(["-Xcc", "-march=x86-64-v4"]))
#endif

/// Gives the C library's allocation functions to their counting namesakes in `AllocationProbe`.
let countedMemory = ["malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"]
  .flatMap { ["-Xlinker", "--defsym=\($0)=counted_\($0)"] }

let package = Package(
  name: "KVPolicyKit",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "KVPolicyKit", targets: ["KVPolicyKit"]),
    .library(name: "Policies", targets: ["Policies"]),
    .library(name: "ReferenceModel", targets: ["ReferenceModel"]),
    .library(name: "Evaluation", targets: ["Evaluation"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "MiniTasks", targets: ["MiniTasks"]),
    .library(name: "LongTasks", targets: ["LongTasks"]),
    .library(name: "BundledModel", targets: ["BundledModel"]),
    .library(name: "KVPolicyCommand", targets: ["KVPolicyCommand"]),
    .library(name: "KVPolicyTesting", targets: ["KVPolicyTesting"]),
    .executable(name: "kvpolicy", targets: ["kvpolicy"]),
  ],
  targets: [
    .target(name: "KVPolicyKit", swiftSettings: numeric),
    .target(name: "Policies", dependencies: ["KVPolicyKit"], swiftSettings: numeric),
    .target(name: "ReferenceModel", dependencies: ["KVPolicyKit"], swiftSettings: numeric),
    .target(
      name: "Training", dependencies: ["KVPolicyKit", "MiniTasks", "ReferenceModel"],
      swiftSettings: numeric),
    .target(name: "Processor", exclude: ["Wide"], swiftSettings: command),
    .target(name: "WideProcessor", path: "Sources/Processor/Wide", swiftSettings: wide),
    .target(name: "Reporting", dependencies: ["KVPolicyKit"], swiftSettings: strict),
    .target(
      name: "Evaluation",
      dependencies: [
        "KVPolicyKit", "LongTasks", "MiniTasks", "Processor", "ReferenceModel", "Reporting",
        "WideProcessor",
      ],
      swiftSettings: numeric),
    .target(
      name: "BundledModel", dependencies: ["ReferenceModel"], exclude: ["Training"],
      swiftSettings: strict),
    .target(
      name: "KVPolicyCommand",
      dependencies: [
        "BundledModel", "KVPolicyKit", "Policies", "ReferenceModel", "Evaluation", "MiniTasks",
        "Processor", "Reporting", "Training",
      ],
      swiftSettings: command),
    .target(name: "MiniTasks", dependencies: ["KVPolicyKit"], swiftSettings: strict),
    .target(name: "LongTasks", dependencies: ["KVPolicyKit"], swiftSettings: optimised),
    .executableTarget(
      name: "kvpolicy", dependencies: ["KVPolicyCommand", "KVPolicyKit", "Policies"],
      swiftSettings: strict),
    .target(name: "KVPolicyTesting", dependencies: ["KVPolicyKit"], swiftSettings: numeric),
    .executableTarget(
      name: "FirstRun",
      dependencies: ["BundledModel", "KVPolicyKit", "MiniTasks", "Policies", "ReferenceModel"],
      path: "Examples/01-FirstRun", exclude: ["README.md"], swiftSettings: strict),
    .executableTarget(
      name: "WriteAPolicy", dependencies: ["KVPolicyCommand", "KVPolicyKit", "Policies"],
      path: "Examples/02-WriteAPolicy", exclude: ["README.md", "composed.json"],
      swiftSettings: strict),
    .executableTarget(
      name: "WatchACache",
      dependencies: [
        "BundledModel", "KVPolicyKit", "KVPolicyTesting", "MiniTasks", "Policies", "ReferenceModel",
      ],
      path: "Examples/03-WatchACache", exclude: ["README.md"], swiftSettings: strict),
    .executableTarget(
      name: "AllocationProbe", dependencies: ["KVPolicyKit", "Policies", "ReferenceModel"],
      path: "Tests/AllocationProbe", swiftSettings: numeric,
      linkerSettings: [.unsafeFlags(countedMemory, .when(platforms: [.linux]))]),
    .executableTarget(
      name: "ResidentProbe", dependencies: ["KVPolicyKit", "Policies", "ReferenceModel"],
      path: "Tests/ResidentProbe", swiftSettings: numeric),
    .executableTarget(
      name: "TrainingProbe", dependencies: ["ReferenceModel", "Training"],
      path: "Tests/TrainingProbe", swiftSettings: numeric),
    .target(
      name: "TestSupport", dependencies: ["KVPolicyKit", "Policies"], path: "Tests/Support",
      swiftSettings: strict),
    .testTarget(
      name: "KVPolicyKitTests", dependencies: ["KVPolicyKit", "KVPolicyTesting", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "PoliciesTests",
      dependencies: ["KVPolicyKit", "Policies", "KVPolicyTesting", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "ReferenceModelTests",
      dependencies: [
        "KVPolicyKit", "KVPolicyTesting", "Policies", "ReferenceModel", "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["KVPolicyKit", "MiniTasks", "Policies", "ReferenceModel", "Training"],
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "BundledModel", "KVPolicyKit", "KVPolicyTesting", "MiniTasks", "Policies",
        "ReferenceModel", "Evaluation", "Reporting",
      ], swiftSettings: strict),
    .testTarget(
      name: "MiniTasksTests", dependencies: ["KVPolicyKit", "MiniTasks"], swiftSettings: strict),
    .testTarget(
      name: "LongTasksTests", dependencies: ["KVPolicyKit", "LongTasks"], swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Evaluation", "KVPolicyKit", "KVPolicyCommand", "LongTasks", "Policies", "Processor",
        "ReferenceModel", "Training",
      ],
      exclude: ["Snapshots"], swiftSettings: strict),
    .testTarget(
      name: "ExampleTests",
      dependencies: [
        "BundledModel", "KVPolicyKit", "Policies", "KVPolicyTesting", "KVPolicyCommand",
        "ReferenceModel", "Evaluation", "LongTasks", "MiniTasks", "TestSupport", "Training",
        "WriteAPolicy", "WatchACache",
      ], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
