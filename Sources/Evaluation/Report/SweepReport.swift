import KVPolicyKit
import Reporting

/// The results of sweeps, for people: quality, bytes and speed of every policy on every task, with
/// intervals, and what must be known to compare them.
///
/// The records of all seeds of a cell count together. Each document is paired with the same
/// document under the reference: full attention, or another policy with the same budget.
public struct SweepReport: Sendable {
  /// A policy of the report.
  struct Policy: Sendable {
    /// The policy's name in tables; different for different policies.
    let label: String
    /// Whether it is full attention.
    let isFull: Bool
    /// The configurations with which it was run, as JSON.
    var configurations: [String] = []
  }

  /// The comparable cells.
  private(set) var groups: [ReportGroup] = []
  /// The policies in the order of the records; full attention first.
  private(set) var policies: [Policy] = []
  /// The conditions of the records.
  let conditions: [ReportCondition]
  /// The number of the policy to which differences are taken.
  private(set) var reference = 0
  /// What a reader should know of the records.
  private(set) var notes: [String]
  /// Records that count.
  let records: Int

  /// A report on records.
  ///
  /// - Parameters:
  ///   - lines: the records, in any order; repeated ones count once.
  ///   - notes: what a reader should know of the files.
  ///   - reference: the label of the policy to which differences are taken; nil for full attention.
  /// - Throws: `SweepError.results` without records, for two records of a cell that differ, and for
  ///   a reference that no record has.
  public init(
    _ lines: [SweepLine], notes: [String] = [], against reference: String? = nil
  ) throws(SweepError) {
    guard !lines.isEmpty else {
      throw .results("there is no whole record; give results of 'kvpolicy sweep'")
    }
    let lines = try SweepMerge.distinct(lines)
    let kept = SweepReport.withoutParts(lines)
    (self.notes, records) = (notes, kept.count)
    conditions = ReportCondition.all(kept.map(\.record))
    collect(kept)
    try compare(with: reference)
    if kept.count < lines.count {
      self.notes.append(
        "\(Markup.count(lines.count - kept.count, "record")) left out: another record of the same "
          + "cell has more documents")
    }
    let warnings = kept.flatMap(\.record.warnings)
    self.notes += warnings.prefix(SweepReport.mostWarnings)
    if warnings.count > SweepReport.mostWarnings {
      self.notes.append("and \(warnings.count - SweepReport.mostWarnings) more such remarks")
    }
    self.notes += MissingCells(groups, policies: policies).notes
  }

  private static let mostWarnings = 12

  /// The records, without a record whose documents another record of the same cell has too.
  private static func withoutParts(_ lines: [SweepLine]) -> [SweepLine] {
    var best: [EntryKey: SweepLine] = [:]
    func key(_ line: SweepLine) -> EntryKey { EntryKey(line.record.cell, seed: true) }
    for line in lines {
      guard let other = best[key(line)],
        other.record.cell.documents >= line.record.cell.documents
      else {
        best[key(line)] = line
        continue
      }
    }
    return lines.filter { best[key($0)]?.record.id == $0.record.id }
  }

  /// Puts the records in groups and entries.
  private mutating func collect(_ lines: [SweepLine]) {
    var groupNumbers: [ReportGroup.Key: Int] = [:]
    var entryNumbers: [EntryKey: Int] = [:]
    var policyNumbers: [String: Int] = [:]
    for line in lines.filter(\.isFull) + lines.filter({ !$0.isFull }) {
      let cell = line.record.cell
      let policy = number(of: cell, known: &policyNumbers)
      let group = ReportGroup.Key(cell)
      let place = groupNumbers[group] ?? groups.count
      if place == groups.count {
        groupNumbers[group] = place
        groups.append(ReportGroup(key: group, number: place + 1, cell: cell))
      }
      let key = EntryKey(cell, seed: false)
      let index = entryNumbers[key] ?? groups[place].entries.count
      if index == groups[place].entries.count {
        entryNumbers[key] = index
        groups[place].entries.append(ReportEntry(policy: policy, cell: cell))
      }
      groups[place].entries[index].samples += line.samples
      groups[place].entries[index].seeds.append(cell.seed)
    }
  }

  /// Computes the rows, with the differences to a policy.
  private mutating func compare(with label: String?) throws(SweepError) {
    if let label {
      guard let number = policies.firstIndex(where: { $0.label == label }) else {
        let known = policies.map(\.label).joined(separator: ", ")
        throw .results("no record is of '\(label)'; the policies are \(known)")
      }
      reference = number
    } else {
      // A report without full attention has no differences.
      reference = policies.firstIndex(where: \.isFull) ?? policies.count
    }
    for index in groups.indices { groups[index].finish(policies, reference: reference) }
  }

  /// The reference in words, and its name in titles of columns.
  var referenceWords: String { isAgainstFull ? "full attention" : policies[reference].label }
  var referenceTitle: String { isAgainstFull ? "full" : policies[reference].label }
  private var isAgainstFull: Bool {
    !policies.indices.contains(reference) || policies[reference].isFull
  }

  /// The number of a cell's policy; new policies are added.
  private mutating func number(of cell: SweepCell, known: inout [String: Int]) -> Int {
    let configuration = cell.policy.configuration.text
    // A policy that takes a budget has another configuration for every budget.
    let key = cell.policy.label + (cell.policy.takesBudget == true ? "" : "\n" + configuration)
    let number = known[key] ?? policies.count
    if number == policies.count {
      known[key] = number
      let same = policies.count { $0.label == cell.policy.label }
      let label = cell.policy.label + (same == 0 ? "" : " (\(number + 1))")
      policies.append(Policy(label: label, isFull: cell.isFull))
    }
    if !policies[number].configurations.contains(configuration) {
      policies[number].configurations.append(configuration)
    }
    return number
  }
}

/// What the documents of an entry have in common.
private struct EntryKey: Hashable {
  let group: ReportGroup.Key
  let policy: String
  let budget: [String?]
  let conditions: String
  let seed: Int?

  init(_ cell: SweepCell, seed: Bool) {
    group = ReportGroup.Key(cell)
    policy = cell.policy.label + "\n" + cell.policy.configuration.text
    budget = [cell.budget.kind.rawValue, cell.budget.asked]
    conditions = (try? ReportText.json(cell.protocol, layout: [])) ?? ""
    self.seed = seed ? cell.seed : nil
  }
}

extension SweepCell {
  /// Whether the policy is full attention.
  var isFull: Bool { ReportEntry(policy: 0, cell: self).isFull }
}

extension SweepLine {
  fileprivate var isFull: Bool { record.cell.isFull }

  /// The documents of the record.
  fileprivate var samples: [ReportSample] {
    record.documents.indices.map { index in
      let times = record.times.documents
      return ReportSample(
        seed: record.cell.seed, document: record.documents[index],
        times: times.indices.contains(index) ? times[index] : nil, depth: depth(of: index))
    }
  }

  /// The depth of a document's needle in percent: the document's own `depth`, or else the task's
  /// setting `depth`, or that of `depths` whose turn it is.
  private func depth(of index: Int) -> Double? {
    if let depth = value.member("documents")?.element(index)?.member("depth")?.realNumber {
      return depth
    }
    let settings = record.cell.task.settings
    if let depth = settings.member("depth")?.realNumber { return depth }
    let number = record.documents[index].number
    guard case .array(let depths)? = settings.member("depths"), !depths.isEmpty, number >= 0 else {
      return nil
    }
    return depths[number % depths.count].realNumber
  }
}

extension JSONValue {
  /// A member of an object.
  fileprivate func member(_ name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// An element of a list.
  fileprivate func element(_ index: Int) -> JSONValue? {
    guard case .array(let values) = self, values.indices.contains(index) else { return nil }
    return values[index]
  }
}
