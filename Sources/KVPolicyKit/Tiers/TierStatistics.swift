/// The keys and values of a cache that are stored in one format.
public struct TierStatistics: Hashable, Sendable, Codable {
  /// The format: that of the store, such as `f16`; the bits of codes, `4-bit`, or of keys and
  /// values, `4/2-bit`; or `narrow f16` for floats of fewer channels.
  public var name: String
  /// Keys in all lanes.
  public var keys: Int
  /// Values in all lanes.
  public var values: Int
  /// Bytes of the pages, or of the blocks of codes, that hold them, free room included. A row of
  /// which only the key or only the value is coded keeps room for both in its page.
  public var bytes: Int

  /// A format of which nothing is held yet.
  init(_ name: String) { (self.name, keys, values, bytes) = (name, 0, 0, 0) }
}

extension Tier {
  /// The name of the tier in a store of rows of a format.
  func name(in format: RowFormat) -> String {
    func bits(_ codes: CodeFormat) -> String {
      codes == .floats ? format.rawValue : "\(codes.bits)"
    }
    if keys == .floats && values == .floats { return "narrow \(format.rawValue)" }
    let (keyBits, valueBits) = (bits(keys), bits(values))
    return keyBits == valueBits ? "\(keyBits)-bit" : "\(keyBits)/\(valueBits)-bit"
  }
}

extension KVSequence {
  /// What is held by format; nil without a codec. O(lanes × blocks of codes).
  var tierStatistics: [TierStatistics]? {
    guard hasCodecs else { return nil }
    let format = store.configuration.format
    var tiers = [TierStatistics(format.rawValue)]
    for lane in lanes {
      tiers[0].keys += lane.count - (lane.coded?.keys.count ?? 0)
      tiers[0].values += lane.count - (lane.coded?.values.count ?? 0)
      tiers[0].bytes += lane.pagesHeld * lane.layout.pageBytes
      guard let coded = lane.coded else { continue }
      let own = policies.codec(ofLayer: lane.id.layer)?.tiers ?? []
      for (index, tier) in own.enumerated() {
        let name = tier.name(in: format)
        // The first name is the store's own format, which no tier is.
        let place = tiers.dropFirst().firstIndex { $0.name == name } ?? tiers.count
        if place == tiers.count { tiers.append(TierStatistics(name)) }
        let (keys, values) = (coded.keys.held(tier: index), coded.values.held(tier: index))
        tiers[place].keys += keys.rows
        tiers[place].values += values.rows
        tiers[place].bytes += keys.bytes + values.bytes
      }
    }
    return tiers
  }
}
