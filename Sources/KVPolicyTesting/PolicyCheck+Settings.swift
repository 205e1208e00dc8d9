import KVPolicyKit

extension PolicyReport {
  /// Checks names, defaults and budgets.
  mutating func checkSettings(of type: any KVCachePolicy.Type) {
    require(
      !type.name.isEmpty && type.name == type.name.lowercased(), .settings,
      "the name '\(type.name)' is empty or not in lower case")
    require(!type.summary.isEmpty, .settings, "there is no summary")
    var defaults = Settings(policy: type.name, values: [:])
    do throws(PolicyError) {
      _ = try type.init(&defaults)
    } catch { return note(.settings, "the defaults are refused: \(error)") }
    let names = defaults.entries.map(\.name)
    require(Set(names).count == names.count, .settings, "a setting is read twice: \(names)")
    for entry in defaults.entries { checkRoundTrip(of: entry, among: defaults.entries, type) }
    for rows in [1, 2, 3, 4, 5, 8, 13, 64, 1024] { checkBudget(rows, type) }
  }

  /// Checks that a default, written as JSON and read back, is the value in use.
  private mutating func checkRoundTrip(
    of entry: Settings.Entry, among entries: [Settings.Entry], _ type: any KVCachePolicy.Type
  ) {
    require(
      entry.value == entry.standard, .settings, "'\(entry.name)' does not start as its default")
    guard let parsed = try? JSONValue.parse(entry.standard.text), parsed == entry.standard else {
      return note(.settings, "'\(entry.name)' changes when written as JSON")
    }
    do throws(PolicyError) {
      let again = try PolicyRegistry([type]).settings(
        of: type.name, nested(parsed, as: entry.name, among: entries))
      require(
        again.first { $0.name == entry.name }?.value == entry.standard, .settings,
        "'\(entry.name)' is not read back as it was given")
    } catch { note(.settings, "the default of '\(entry.name)' is refused: \(error)") }
  }

  /// Settings that give a value to the setting of a name such as `budget.rows`: `{"budget": {"rows":
  /// …}}`, beside what the outer settings have by default.
  private func nested(
    _ value: JSONValue, as name: String, among entries: [Settings.Entry]
  ) -> [String: JSONValue] {
    var (path, settings) = (name.split(separator: ".").map(String.init), [String: JSONValue]())
    settings[path.removeLast()] = value
    while let last = path.last {
      let outer = entries.first { $0.name == path.joined(separator: ".") }
      if case .object(let members)? = outer?.standard {
        settings.merge(members) { given, _ in given }
      }
      settings = [last: .object(settings)]
      path.removeLast()
    }
    return settings
  }

  /// Checks that `settings(budget:)` either refuses a budget or gives settings that work.
  private mutating func checkBudget(_ rows: Int, _ type: any KVCachePolicy.Type) {
    guard let settings = try? type.settings(budget: .rows(rows)) else { return }
    do throws(PolicyError) {
      var read = Settings(policy: type.name, values: settings)
      _ = try type.init(&read)
      try read.refuseUnknown()
    } catch { note(.settings, "the settings for a budget of \(rows) rows are refused: \(error)") }
  }
}
