/// A piece that a configuration names: a score, a budget or a unit of a composed policy, or the
/// reader or the codec of any policy.
///
/// In JSON a part is its name, `"keydiff"`, or an object of its name and its settings:
/// `{"kind": "adaptive", "floor": 0.2}`.
public protocol PolicyPart: Sendable, SendableMetatype {
  /// The name in configurations, in camel case.
  static var name: String { get }
  /// What the part does, in one line for people.
  static var summary: String { get }

  /// Reads the part's settings, each with its default, and refuses impossible values.
  init(_ settings: inout Settings) throws(PolicyError)
}

/// The parts that a configuration can name.
///
/// A value: extend a copy with your own parts, `parts.adding(score: MyScore.self)`.
public struct PartRegistry: Sendable {
  /// The scores, in the order of registration.
  public private(set) var scores: [any RowScore.Type]
  /// The budgets, in the order of registration.
  public private(set) var budgets: [any RowBudget.Type]
  /// The units, in the order of registration.
  public private(set) var units: [any RowUnit.Type]
  /// The readers, in the order of registration.
  public private(set) var readers: [any RowReader.Type]
  /// The codecs, in the order of registration.
  public private(set) var codecs: [any RowCodec.Type]

  /// The policies that another policy can wrap, in the order of registration. The registry of
  /// policies says which.
  var policies: [any KVCachePolicy.Type] = []

  /// A registry of these parts and of the kit's own: the score `recency`, equal budgets and single
  /// rows.
  public init(
    scores: [any RowScore.Type] = [], budgets: [any RowBudget.Type] = [],
    units: [any RowUnit.Type] = [], readers: [any RowReader.Type] = [],
    codecs: [any RowCodec.Type] = []
  ) {
    self.scores = [RecencyScore.self] + scores
    self.budgets = [EvenBudget.self] + budgets
    self.units = [SingleRows.self] + units
    self.readers = readers
    self.codecs = codecs
  }

  /// A copy that also knows `score`; an earlier score of this name is replaced.
  public func adding(score: any RowScore.Type) -> PartRegistry {
    var copy = self
    copy.scores.removeAll { $0.name == score.name }
    copy.scores.append(score)
    return copy
  }

  /// A copy that also knows `budget`; an earlier budget of this name is replaced.
  public func adding(budget: any RowBudget.Type) -> PartRegistry {
    var copy = self
    copy.budgets.removeAll { $0.name == budget.name }
    copy.budgets.append(budget)
    return copy
  }

  /// A copy that also knows `unit`; an earlier unit of this name is replaced.
  public func adding(unit: any RowUnit.Type) -> PartRegistry {
    var copy = self
    copy.units.removeAll { $0.name == unit.name }
    copy.units.append(unit)
    return copy
  }

  /// A copy that also knows `reader`; an earlier reader of this name is replaced.
  public func adding(reader: any RowReader.Type) -> PartRegistry {
    var copy = self
    copy.readers.removeAll { $0.name == reader.name }
    copy.readers.append(reader)
    return copy
  }

  /// A copy that also knows `codec`; an earlier codec of this name is replaced.
  public func adding(codec: any RowCodec.Type) -> PartRegistry {
    var copy = self
    copy.codecs.removeAll { $0.name == codec.name }
    copy.codecs.append(codec)
    return copy
  }
}
