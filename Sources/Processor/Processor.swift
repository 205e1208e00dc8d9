#if canImport(Glibc)
  import Glibc
#endif

/// What this processor can run, and what this build needs.
///
/// On x86-64 the modules that do the arithmetic are compiled for AVX2 and FMA, or for AVX-512, and
/// may use them in any function, so the processor is checked before any of these modules is called.
/// This module and `KVPolicyCommand` are compiled for every x86-64.
package enum Processor {
  /// An instruction set, and glibc's bit for it. The bit is set if the processor has the
  /// instruction set and the operating system saves its registers.
  private struct InstructionSet {
    let name: String
    let leaf: UInt32
    let register: Int
    let bit: UInt32
  }

  /// The instructions that this build uses, as `--version` names them.
  package static var build: String {
    #if KVPOLICY_AVX512
      "AVX-512"
    #elseif KVPOLICY_FMA
      "AVX2"
    #elseif arch(x86_64)
      "baseline x86-64"
    #else
      "arm64"
    #endif
  }

  // Leaves and bits are those of glibc's `<sys/platform/x86.h>`.

  /// A processor with these has all of x86-64-v3.
  private static let avx2 = [
    InstructionSet(name: "AVX2", leaf: 1, register: 1, bit: 5),
    InstructionSet(name: "FMA", leaf: 0, register: 2, bit: 12),
    InstructionSet(name: "F16C", leaf: 0, register: 2, bit: 29),
  ]

  /// A processor with these too has all of x86-64-v4, and VNNI.
  private static let avx512 = [
    InstructionSet(name: "AVX512F", leaf: 1, register: 1, bit: 16),
    InstructionSet(name: "AVX512DQ", leaf: 1, register: 1, bit: 17),
    InstructionSet(name: "AVX512CD", leaf: 1, register: 1, bit: 28),
    InstructionSet(name: "AVX512BW", leaf: 1, register: 1, bit: 30),
    InstructionSet(name: "AVX512VL", leaf: 1, register: 1, bit: 31),
    InstructionSet(name: "AVX512_VNNI", leaf: 1, register: 2, bit: 11),
  ]

  /// The instruction sets that this build needs.
  private static var needed: [InstructionSet] {
    #if KVPOLICY_AVX512
      avx2 + avx512
    #elseif KVPOLICY_FMA
      avx2
    #else
      []
    #endif
  }

  /// Whether this processor can compute with sixteen floats at once, whatever the build uses. False
  /// where glibc cannot tell.
  package static let isWide = canAsk && lacking(avx2 + avx512).isEmpty

  /// Why this build cannot run on this processor. Nil if it can, or if glibc cannot tell.
  package static var refusal: String? {
    refusal(lacking: lacking(needed), of: needed.map(\.name))
  }

  /// The message for a processor that lacks the instruction sets `names` of those that are needed;
  /// nil if `names` is empty.
  package static func refusal(lacking names: [String], of needed: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    return "this build is for processors with \(list(needed)), and \(list(names)) "
      + "cannot be used here; build one for this machine: "
      + "KVPOLICY_CPU=native swift build -c release"
  }

  private static func list(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }

  private typealias Query = @convention(c) (UInt32) -> UnsafePointer<UInt32>?

  /// Glibc's function, from 2.33 on; nil elsewhere.
  private static var query: Query? {
    #if canImport(Glibc) && arch(x86_64)
      guard let symbol = unsafe dlsym(nil, "__x86_get_cpuid_feature_leaf") else { return nil }
      // `Query` is the signature that the header declares.
      return unsafe unsafeBitCast(symbol, to: Query.self)
    #else
      return nil
    #endif
  }

  private static var canAsk: Bool { unsafe query != nil }

  /// The names of the instruction sets among `sets` that cannot be used. Empty where glibc cannot
  /// tell.
  ///
  /// Takes a microsecond. `/proc/cpuinfo` has the same information, but some kernels take ten
  /// milliseconds to open it, because they then measure the speed of every core.
  private static func lacking(_ sets: [InstructionSet]) -> [String] {
    guard let query = unsafe query else { return [] }
    return sets.filter { set in
      guard let words = unsafe query(set.leaf) else { return false }
      // Eight words: four registers as the processor fills them, then the same four registers with
      // only the usable bits set.
      return unsafe words[4 + set.register] & (1 << set.bit) == 0
    }.map(\.name)
  }
}
