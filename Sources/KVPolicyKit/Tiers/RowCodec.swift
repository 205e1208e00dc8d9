/// Which rows of a cache are stored as codes, and when they become codes.
///
/// New rows are stored in the store's own format. After the prompt, and after each decode step's
/// output and evictions, a codec names rows that are stored as codes from then on. A configuration
/// gives any policy a codec, `{"policy": "snapkv", "codec": {"kind": "kivi", "keyBits": 4}}`. As a
/// ``CodecPolicy`` a codec is a policy of its own name, which forgets nothing.
///
/// Codecs need position rule `original`: a key is coded as it is rotated when it is read.
public protocol RowCodec: PolicyPart {
  /// Where the method was published.
  static var source: String { get }

  /// How rows may be stored, by index in plans. At least one tier.
  var tiers: [Tier] { get }
  /// The signals that ``prefill(_:)`` and ``step(_:)`` need; none about the last queries' rows.
  /// Default: none.
  var signals: Set<Signal> { get }
  /// Numbers attached to every row. The views that a codec is lent count its columns from 0.
  /// Default: none.
  func columns(for shape: CacheShape) -> [Column]
  /// Bytes of state outside the cache. Default: 0.
  var stateBytes: Int { get }
  /// Rows of a lane that stay in the store's format however long a text is; all others end in the
  /// first tier. Budgets in bytes count them as such. If there are n of them, the values of the
  /// newest n rows are never coded, and their keys only in a block of n rows. Default: 0.
  var wholeRows: Int { get }

  /// Looks at a layer after a chunk of the prompt, as ``KVCachePolicy/prefill(_:)`` and after it.
  /// Default: nothing.
  mutating func prefill(_ layer: borrowing LayerView)
  /// Looks at a layer during a decode step, as ``KVCachePolicy/step(_:)`` and after it, but at
  /// every step. Default: nothing.
  mutating func step(_ layer: borrowing LayerView)

  /// Says which keys and values of a layer become codes now. If the plan stays empty, none does.
  ///
  /// The view lends no signals. Its lanes hold the rows that the policy left.
  mutating func code(_ layer: borrowing LayerView, plan: inout CodePlan)
}

extension RowCodec {
  /// No signal is needed.
  public var signals: Set<Signal> { [] }
  /// No numbers are attached to rows.
  public func columns(for shape: CacheShape) -> [Column] { [] }
  /// Does nothing.
  public mutating func prefill(_ layer: borrowing LayerView) {}
  /// Does nothing.
  public mutating func step(_ layer: borrowing LayerView) {}
  /// No state outside the cache.
  public var stateBytes: Int { 0 }
  /// Every row is coded in the end.
  public var wholeRows: Int { 0 }

  /// Bytes of a row in the first tier and of its columns, in full blocks, rounded up; nil for tiers
  /// that rows of the shape cannot have.
  func bytesPerRow(_ shape: CacheShape, _ format: RowFormat) -> Int? {
    guard let tier = tiers.first else { return nil }
    var bytes = 0
    for codes in [tier.keys, tier.values] {
      guard
        let block = try? CodeBlock(codes, width: shape.headDimension, isWide: format == .f32)
      else { return nil }
      bytes += block.bytesPerRow
    }
    return columns(for: shape).reduce(bytes) { total, column in
      let (sum, overflows) = total.addingReportingOverflow(column.rowBytes)
      return overflows ? .max : sum
    }
  }
}

/// A codec that stores fewer channels of keys, and is named by the setting `keys` too:
/// `{"policy": "snapkv", "keys": {"kind": "think", "keyChannelRatio": 0.5}}`.
public protocol NarrowingCodec: RowCodec {}

/// A policy that stores rows as codes.
public protocol CodingPolicy: KVCachePolicy {
  /// What says which rows.
  var codec: any RowCodec { get }
}

/// The policy of a codec under the codec's own name: it forgets nothing.
public struct CodecPolicy<Codec: RowCodec>: CodingPolicy {
  /// The codec's name.
  public static var name: String { Codec.name }
  /// What the codec stores.
  public static var summary: String { Codec.summary }
  /// Where the codec was published.
  public static var source: String { Codec.source }

  /// The codec.
  public let codec: any RowCodec

  /// Reads the codec's settings.
  public init(_ settings: inout Settings) throws(PolicyError) {
    codec = try Codec(&settings)
  }

  /// Takes no budget, because it keeps everything.
  public static func settings(budget: Amount) -> [String: JSONValue]? { nil }

  /// Never asked.
  public var cadence: Cadence { .never }

  /// Never called.
  public mutating func evict(_ cache: borrowing CacheView, plan: inout CachePlan) {}
}

extension Settings {
  /// The codec that a configuration gives its policy; nil if all rows stay in the store's format.
  mutating func codec() throws(PolicyError) -> (any RowCodec)? {
    let codec = try codec(
      "codec", standard: "none", parts.codecs, "which rows are stored as small integers")
    let keys = try self.codec(
      "keys", standard: "whole", parts.codecs.filter { $0 is any NarrowingCodec.Type },
      "which channels of keys are stored")
    if codec != nil && keys != nil {
      throw impossible("'keys' beside a codec is a setting of the codec; write it inside 'codec'")
    }
    return codec ?? keys
  }

  private mutating func codec(
    _ name: String, standard: String, _ kinds: [any RowCodec.Type], _ meaning: String
  ) throws(PolicyError) -> (any RowCodec)? {
    try part(
      name, default: standard, [standard] + kinds.map { $0.name }, meaning
    ) { index, settings throws(PolicyError) -> (any RowCodec)? in
      index == 0 ? nil : try kinds[index - 1].init(&settings)
    }
  }
}
