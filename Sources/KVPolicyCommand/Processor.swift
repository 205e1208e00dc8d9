#if canImport(Glibc)
  import Glibc
#endif

/// Whether this processor can run the modules that do the arithmetic.
///
/// On x86-64 they are compiled for AVX2 and FMA, from their first instruction on, so the processor
/// is looked at before any of them is called. This module is compiled for every x86-64.
enum Processor {
  /// An instruction set, and the bit by which glibc says that it can be used: the processor has it,
  /// and the operating system saves its registers.
  private struct InstructionSet {
    let name: String
    let leaf: UInt32
    let register: Int
    let bit: UInt32
  }

  /// Whoever has these has all of x86-64-v3. Leaves and bits as in glibc's <sys/platform/x86.h>.
  private static let needed = [
    InstructionSet(name: "AVX2", leaf: 1, register: 1, bit: 5),
    InstructionSet(name: "FMA", leaf: 0, register: 2, bit: 12),
    InstructionSet(name: "F16C", leaf: 0, register: 2, bit: 29),
  ]

  /// Why this build cannot run here, if it is known that it cannot.
  static var refusal: String? {
    #if KVPOLICY_FMA && canImport(Glibc)
      refusal(lacking: lacking())
    #else
      nil
    #endif
  }

  /// The sentence for a processor that lacks these.
  static func refusal(lacking names: [String]) -> String? {
    guard !names.isEmpty else { return nil }
    return "this build is for processors with \(list(needed.map(\.name))), and \(list(names)) "
      + "cannot be used here; build one for every x86-64: "
      + "KVPOLICY_BASELINE=1 swift build -c release"
  }

  private static func list(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " and " + last
  }

  #if KVPOLICY_FMA && canImport(Glibc)
    /// The needed sets that cannot be used; none if that cannot be found out, for glibc says so
    /// since 2.33.
    ///
    /// A microsecond. `/proc/cpuinfo` would say it too, but to open it takes some kernels ten
    /// milliseconds, in which they measure how fast every core runs.
    static func lacking() -> [String] {
      typealias Query = @convention(c) (UInt32) -> UnsafePointer<UInt32>?
      guard let symbol = unsafe dlsym(nil, "__x86_get_cpuid_feature_leaf") else { return [] }
      // The signature that the header declares.
      let query = unsafe unsafeBitCast(symbol, to: Query.self)
      return needed.filter { set in
        guard let words = unsafe query(set.leaf) else { return false }
        // Eight words: four registers as the processor fills them, then the same four with only
        // those bits that can be used.
        return unsafe words[4 + set.register] & (1 << set.bit) == 0
      }.map(\.name)
    }
  #endif
}
