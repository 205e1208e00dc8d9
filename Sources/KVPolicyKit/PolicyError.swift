/// What can be wrong with a policy's configuration.
public enum PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text is not JSON, or not a JSON object.
  case notAConfiguration(String)
  /// No policy has this name.
  case unknownPolicy(String, known: [String])
  /// The policy has no such setting.
  case unknownSetting(String, policy: String, known: [String])
  /// A setting has an unusable value.
  case badValue(setting: String, policy: String, got: String, legal: String)
  /// The artifact that a setting names cannot be read or does not fit.
  case artifact(setting: String, policy: String, reason: String)
  /// A setting must name an artifact of this kind and names none.
  case needsArtifact(setting: String, policy: String, kind: String)
  /// The settings do not fit each other, the model, or what the engine can do.
  case impossible(policy: String, reason: String)

  /// The message shown to a person: what is wrong, what is legal, what to do.
  public var description: String {
    switch self {
    case .notAConfiguration(let reason):
      return "not a policy configuration: \(reason); write an object such as "
        + #"{"policy": "morphkv", "capacity": 512}"#
    case .unknownPolicy(let name, let known):
      return "there is no policy '\(name)'" + suggestion(for: name, among: known)
        + "; there are \(known.joined(separator: ", "))"
    case .unknownSetting(let name, let policy, let known):
      let has = known.isEmpty ? "no settings" : known.joined(separator: ", ")
      return "\(policy) has no setting '\(name)'" + suggestion(for: name, among: known)
        + "; it has \(has)"
    case .badValue(let setting, let policy, let got, let legal):
      return "\(policy): '\(setting)' cannot be \(got); it must be \(legal)"
    case .artifact(let setting, let policy, let reason):
      return "\(policy): '\(setting)': \(reason)"
    case .needsArtifact(let setting, let policy, let kind):
      return "\(policy) needs '\(setting)', the path of a \(kind) made for this model, and has none"
    case .impossible(let policy, let reason):
      return "\(policy): \(reason)"
    }
  }
}

/// `" (did you mean 'x'?)"` if a known name is near, else an empty string.
///
/// Two names are near if few typing mistakes turn one into the other: at most one mistake for every
/// three letters of the longer name, or one in all. They are also near if one of them is a prefix
/// of the other and has at least three letters. Dashes before an option do not count.
package func suggestion(for name: String, among known: [String]) -> String {
  let typed = letters(of: name)
  let ranked = known.compactMap { known -> (mistakes: Int, name: String)? in
    let letters = letters(of: known)
    let longer = max(typed.count, letters.count)
    let mistakes = editDistance(typed, letters)
    if mistakes <= max(1, longer / 3), mistakes < longer { return (mistakes, known) }
    let isPrefix = letters.starts(with: typed) || typed.starts(with: letters)
    return isPrefix && min(typed.count, letters.count) >= 3 ? (mistakes, known) : nil
  }
  guard let nearest = ranked.min(by: { $0.mistakes < $1.mistakes }) else { return "" }
  return " (did you mean '\(nearest.name)'?)"
}

/// The letters of a name to compare: lower case, without an option's leading dashes, at most 64.
private func letters(of name: String) -> [Unicode.Scalar] {
  Array(name.lowercased().drop { $0 == "-" }.unicodeScalars.prefix(64))
}

/// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into
/// `b`. O(|a|·|b|).
func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
  var (before, row) = ([Int](), Array(0...b.count))
  for i in a.indices {
    var next = [i + 1]
    for j in b.indices {
      let replaced = row[j] + (a[i] == b[j] ? 0 : 1)
      var least = min(replaced, row[j + 1] + 1, next[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, before[j - 1] + 1) }
      next.append(least)
    }
    (before, row) = (row, next)
  }
  return row[b.count]
}
