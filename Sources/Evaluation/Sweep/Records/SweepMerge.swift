/// Joins results files.
public enum SweepMerge {
  /// The lines of several files, each cell once, in the order of their plan; cells of different
  /// plans in the order of place and id.
  ///
  /// - Throws: `SweepError.results` for two records of a cell whose measurements differ, and for
  ///   records of two versions of the program.
  public static func merged(_ lines: [SweepLine]) throws(SweepError) -> [SweepLine] {
    for line in lines {
      if let first = lines.first, first.record.origin.version != line.record.origin.version {
        throw .results(
          "\(first.place) is of version \(first.record.origin.version), and \(line.place) of "
            + "\(line.record.origin.version); results of two versions are not compared, run the "
            + "older cells again")
      }
    }
    return try distinct(lines)
  }

  /// As ``merged(_:)``, of any versions.
  static func distinct(_ lines: [SweepLine]) throws(SweepError) -> [SweepLine] {
    var known: [String: SweepLine] = [:]
    for line in lines {
      guard let other = known[line.record.id] else {
        known[line.record.id] = line
        continue
      }
      guard let difference = line.differences(from: other).first else { continue }
      throw .results(
        "\(line.place) and \(other.place) have the same cell, \(line.record.cell.words), and "
          + "different results: \(difference)")
    }
    return known.values.sorted {
      ($0.record.origin.place, $0.record.id) < ($1.record.origin.place, $1.record.id)
    }
  }

  /// The builds of the records, if there is more than one: their sums differ in the last bits.
  public static func builds(_ lines: [SweepLine]) -> [String] {
    let builds = Set(lines.map(\.record.origin.build)).sorted()
    return builds.count > 1 ? builds : []
  }
}
