import KVPolicyKit

/// Stores keys as codes of each channel, and values as codes of each row. The newest rows stay in
/// the store's format.
///
/// Liu et al., "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache", ICML 2024;
/// jy-yuan/KIVI.
public struct KIVI: RowCodec {
  /// The name in configurations.
  public static let name = "kivi"
  /// What is stored.
  public static let summary = "stores all but the newest rows in 2 to 8 bits, keys per channel"
  /// Where the method was published.
  public static let source = "Liu et al., ICML 2024; jy-yuan/KIVI"

  /// Codes of keys by channel and of values by row.
  public let tiers: [Tier]
  private let residual: Int

  /// Reads the codec's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    let keyBits = try settings.bits("keyBits", default: 2, "bits of a key's codes")
    let valueBits = try settings.bits("valueBits", default: 2, "bits of a value's codes")
    let group = try settings.integer(
      "groupSize", default: 32, atLeast: CodeFormat.legalGroups.lowerBound,
      atMost: CodeFormat.legalGroups.upperBound,
      "rows of a key's channel, and channels of a value, that share a scale")
    residual = try settings.integer(
      "residual", default: 128, atLeast: 1,
      "newest values that stay whole, and keys that are coded together")
    guard residual.isMultiple(of: group) else {
      throw settings.impossible(
        "keys are coded \(residual) at a time, which groups of \(group) do not divide; make "
          + "'residual' a multiple of 'groupSize'")
    }
    tiers = [
      Tier(
        keys: CodeFormat(bits: keyBits, group: group, .ofChannel),
        values: CodeFormat(bits: valueBits, group: group, .ofRow))
    ]
  }

  /// Codes keys in blocks of `residual` rows as soon as they are full, and all values but the
  /// newest.
  public mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let keys = lane.plainKeyCount / residual * residual
      if keys > 0 { plan.code(keys: lane.plainKeys().prefix(keys), of: lane.id) }
      let values = lane.plainValueCount - residual
      if values > 0 { plan.code(values: lane.plainValues().prefix(values), of: lane.id) }
    }
  }
}

extension Settings {
  /// A number of bits that codes can have.
  mutating func bits(
    _ name: String, default standard: Int, _ meaning: String
  ) throws(PolicyError) -> Int {
    let bits = try integer(name, default: standard, atLeast: 2, atMost: 8, meaning)
    guard CodeFormat.legalBits.contains(bits) else {
      throw impossible("'\(name)' is \(bits); use 2, 3, 4 or 8")
    }
    return bits
  }
}
