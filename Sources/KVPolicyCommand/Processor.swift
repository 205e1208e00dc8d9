#if canImport(Glibc)
  import Glibc
#endif

/// A check that this processor can run the modules that do the arithmetic.
///
/// On x86-64 these modules are compiled for AVX2 and FMA and may use both in any function, so the
/// processor is checked before any of these modules is called. `KVPolicyCommand` itself is compiled
/// for every x86-64.
enum Processor {
  /// An instruction set, and glibc's bit for it. The bit is set if the processor has the
  /// instruction set and the operating system saves its registers.
  private struct InstructionSet {
    let name: String
    let leaf: UInt32
    let register: Int
    let bit: UInt32
  }

  /// The instruction sets to check. A processor with these three has all of x86-64-v3. Leaves and
  /// bits are those of glibc's `<sys/platform/x86.h>`.
  private static let needed = [
    InstructionSet(name: "AVX2", leaf: 1, register: 1, bit: 5),
    InstructionSet(name: "FMA", leaf: 0, register: 2, bit: 12),
    InstructionSet(name: "F16C", leaf: 0, register: 2, bit: 29),
  ]

  /// Why this build cannot run on this processor. Nil if it can, or if glibc cannot tell.
  static var refusal: String? {
    #if KVPOLICY_FMA && canImport(Glibc)
      refusal(lacking: lacking())
    #else
      nil
    #endif
  }

  /// The message for a processor that lacks the instruction sets `names`; nil if `names` is empty.
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
    /// The needed instruction sets that cannot be used. Empty under glibc before 2.33, which cannot
    /// tell.
    ///
    /// Takes a microsecond. `/proc/cpuinfo` has the same information, but some kernels take ten
    /// milliseconds to open it, because they then measure the speed of every core.
    static func lacking() -> [String] {
      typealias Query = @convention(c) (UInt32) -> UnsafePointer<UInt32>?
      guard let symbol = unsafe dlsym(nil, "__x86_get_cpuid_feature_leaf") else { return [] }
      // `Query` is the signature that the header declares.
      let query = unsafe unsafeBitCast(symbol, to: Query.self)
      return needed.filter { set in
        guard let words = unsafe query(set.leaf) else { return false }
        // Eight words: four registers as the processor fills them, then the same four registers
        // with only the usable bits set.
        return unsafe words[4 + set.register] & (1 << set.bit) == 0
      }.map(\.name)
    }
  #endif
}
