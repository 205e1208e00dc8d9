import Evaluation
import KVPolicyKit
import Reporting

/// What `policies` prints about all policies and parts.
struct PolicyList: TabularReport {
  let registry: PolicyRegistry
  /// The pages of all policies.
  let pages: [PolicyPage]

  /// The policies and the parts for people.
  var table: String {
    let lines = pages.map { ($0.name, $0.summary) }
    let parts = parts.map { setting, kinds in
      let owner = ["read", "codec"].contains(setting) ? "any policy" : "a composed policy"
      return TerminalText.list(
        [(setting, "a part of \(owner)")]
          + kinds.map { ($0.name, $0.summary) })
        + "\n\n"
    }
    return TerminalText.list([PolicyList.heading] + lines) + "\n\n" + parts.joined()
      + "'kvpolicy policies NAME' explains one and its settings.\n"
  }

  var wideTable: String { table }

  func markdown(isWide: Bool) -> String {
    var table = TextTable([
      .init(PolicyList.heading.term, .left), .init(PolicyList.heading.meaning, .left),
    ])
    for page in pages { table.add([page.name, page.summary]) }
    return table.markdown()
  }

  var csv: String { ReportText.csv(PolicyPage.fields, pages) }

  var jsonLines: String { ReportText.jsonLines(PolicyPage.fields, pages) }

  private static let heading = (term: "policy", meaning: "what it keeps")

  /// The kinds of parts by the setting that names them.
  private var parts: [(setting: String, kinds: [any PolicyPart.Type])] {
    [
      ("score", registry.parts.scores.map { $0 }), ("budget", registry.parts.budgets.map { $0 }),
      ("unit", registry.parts.units.map { $0 }), ("read", registry.parts.readers.map { $0 }),
      ("codec", registry.parts.codecs.map { $0 }),
    ]
  }

  /// All policies and parts with their settings, as JSON.
  func json() throws -> String {
    var described: [String: JSONValue] = [:]
    for (setting, kinds) in parts {
      var list: [JSONValue] = []
      for kind in kinds {
        list.append([
          "name": .string(kind.name), "summary": .string(kind.summary),
          "settings": PolicyPage.json(try registry.settings(of: kind)),
        ])
      }
      described[setting] = .array(list)
    }
    let kinds = Set(pages.flatMap { $0.settings.compactMap(\.artifactKind) })
    let everything: JSONValue = [
      "policies": .array(pages.map { $0.object }), "parts": .object(described),
      "artifacts": .array(kinds.sorted().map { .string($0) }),
      "everyPolicy": PolicyPage.json(registry.sharedSettings),
    ]
    return TerminalText.escaped(json: everything.text) + "\n"
  }
}

extension PolicyPage {
  /// The columns of the list for programs.
  fileprivate static var fields: [ReportText.Field<PolicyPage>] {
    let declared = [
      "phase", "scope", "columnBytes", "stateBytes", "read", "codec", "remembersForgotten",
      "revises",
    ]
    return [
      ("name", { $0.name }), ("summary", { $0.type.summary }), ("source", { $0.type.source }),
      ("configuration", { $0.configuration.text }), ("needs", { words($0.needed) }),
      ("signals", { words($0.signals) }),
    ] + declared.map { name in (name, { $0.declarations[name] }) }
  }

  /// Words with spaces between, as one value; nothing without a word.
  private static func words(_ words: [String]) -> JSONValue {
    words.isEmpty ? .null : .string(words.joined(separator: " "))
  }
}
