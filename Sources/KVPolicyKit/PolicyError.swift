/// What can be wrong with a policy's configuration.
public enum PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The text is no JSON, or no JSON object.
  case notAConfiguration(String)
  /// No policy has this name.
  case unknownPolicy(String, known: [String])
  /// The policy has no such setting.
  case unknownSetting(String, policy: String, known: [String])
  /// A setting has an unusable value.
  case badValue(setting: String, policy: String, got: String, legal: String)
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
    case .impossible(let policy, let reason):
      return "\(policy): \(reason)"
    }
  }
}

/// `" (did you mean 'x'?)"` where a known name is near enough, else nothing.
package func suggestion(for name: String, among known: [String]) -> String {
  let near = known.map { (editDistance(name.lowercased(), $0.lowercased()), $0) }.min {
    $0.0 < $1.0
  }
  guard let near, near.0 <= max(2, name.count / 3) else { return "" }
  return " (did you mean '\(near.1)'?)"
}

/// Insertions, deletions and replacements that turn `a` into `b`. O(|a|·|b|).
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.unicodeScalars.prefix(64)), Array(b.unicodeScalars.prefix(64)))
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let replaced = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
