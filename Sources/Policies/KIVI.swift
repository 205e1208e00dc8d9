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
  /// Which channels of keys are stored; nil for all.
  private var choice: ChannelChoice?

  /// Reads the codec's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    let keyBits = try settings.bits("keyBits", default: 2, "bits of a key's codes")
    let valueBits = try settings.bits("valueBits", default: 2, "bits of a value's codes")
    let group = try settings.groupSize(
      "rows of a key's channel, and channels of a value, that share a scale")
    residual = try settings.integer(
      "residual", default: 128, atLeast: 1,
      "newest values that stay whole, and keys that are coded together")
    guard residual.isMultiple(of: group) else {
      throw settings.impossible(
        "keys are coded \(residual) at a time, which groups of \(group) do not divide; make "
          + "'residual' a multiple of 'groupSize'")
    }
    choice = try settings.part(
      "keys", default: "whole", ["whole", ThinK.name], "which channels of keys are stored"
    ) { index, settings throws(PolicyError) -> ChannelChoice? in
      index == 0 ? nil : try ChannelChoice(&settings)
    }
    tiers = [
      Tier(
        keys: CodeFormat(bits: keyBits, group: group, .ofChannel),
        // Values become codes one after the other.
        values: CodeFormat(bits: valueBits, group: group, .ofRow, blockRows: 32))
    ]
  }

  /// The queries of the prompt, if they choose channels.
  public var signals: Set<Signal> { choice == nil ? [] : ChannelChoice.signals }
  /// The newest rows.
  public var wholeRows: Int { residual }
  /// Bytes of the queries noted.
  public var stateBytes: Int { choice?.stateBytes ?? 0 }

  /// Notes the queries of a chunk.
  public mutating func prefill(_ layer: borrowing LayerView) { choice?.note(layer) }

  /// Codes keys in blocks of `residual` rows as soon as they are full, and all values but the
  /// newest.
  public mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan) {
    for head in 0..<layer.shape.keyHeads {
      let lane = layer.lane(head)
      let keys = lane.plainKeyCount / residual * residual
      if keys > 0 {
        let rows = lane.plainKeys(oldest: keys)
        if !lane.hasKeyMap, let map = choice?.choose(lane, rows: rows) {
          plan.map(keys: map, of: lane.id)
        }
        plan.code(keys: rows, of: lane.id)
      }
      let values = lane.plainValueCount - residual
      if values > 0 { plan.code(values: lane.plainValues(oldest: values), of: lane.id) }
    }
  }
}

extension Settings {
  /// A number of bits that codes can have.
  mutating func bits(
    _ name: String, default standard: Int, _ meaning: String
  ) throws(PolicyError) -> Int {
    try check(bits: integer(name, default: standard, atLeast: 2, atMost: 8, meaning), name)
  }

  /// A number of bits that codes can have, or nil for `null`, the default.
  mutating func optionalBits(_ name: String, _ meaning: String) throws(PolicyError) -> Int? {
    guard let bits = try optionalInteger(name, atLeast: 2, atMost: 8, meaning) else { return nil }
    return try check(bits: bits, name)
  }

  private func check(bits: Int, _ name: String) throws(PolicyError) -> Int {
    guard CodeFormat.legalBits.contains(bits) else {
      throw impossible("'\(name)' is \(bits); use 2, 3, 4 or 8")
    }
    return bits
  }

  /// The number of elements that share a scale. Default: the greatest power of two up to 32 that
  /// divides a row.
  mutating func groupSize(_ meaning: String) throws(PolicyError) -> Int {
    let legal = CodeFormat.legalGroups
    let given = try optionalInteger(
      "groupSize", atLeast: legal.lowerBound, atMost: legal.upperBound,
      meaning + "; null: 32, or the greatest power of two below that divides a row")
    // Without a shape no group is refused for what it does not divide.
    let width = shape?.headDimension ?? 1
    return given ?? min(32, 1 << width.trailingZeroBitCount)
  }
}
