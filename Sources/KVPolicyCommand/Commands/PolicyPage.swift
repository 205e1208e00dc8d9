import Evaluation
import KVPolicyKit
import Reporting

/// The page that `policies` prints about a policy.
struct PolicyPage: TabularReport {
  /// The policy of the default settings.
  let policy: any KVCachePolicy
  let settings: [Settings.Entry]

  /// The policy's type, and its name.
  var type: any KVCachePolicy.Type { Swift.type(of: policy) }
  var name: String { type.name }
  /// What the policy keeps, and the artifacts that it needs.
  var summary: String {
    type.summary + (needed.isEmpty ? "" : " (needs \(needed.joined(separator: ", ")))")
  }

  /// The defaults of all settings, those of parts inside their part, in the order of declaration.
  private var defaults: [(name: String, value: JSONValue)] {
    var members: [(name: String, value: JSONValue)] = []
    for setting in settings {
      let path = setting.name.split(separator: ".", maxSplits: 1).map { String($0) }
      guard path.count == 2, let index = members.firstIndex(where: { $0.name == path[0] }) else {
        members.append((setting.name, setting.standard))
        continue
      }
      var part: [String: JSONValue] = [:]
      switch members[index].value {
      case .object(let given): part = given
      case let kind: part["kind"] = kind
      }
      part[path[1]] = setting.standard
      members[index].value = .object(part)
    }
    return members
  }

  /// The settings of the artifacts without which the policy cannot run.
  var needed: [String] {
    settings.filter { $0.artifactKind != nil && $0.standard == .null }.map(\.name)
  }

  /// The policy's configuration with the defaults of all settings.
  var configuration: JSONValue {
    .object(
      Dictionary([("policy", .string(type.name))] + defaults.map { ($0.name, $0.value) }) { $1 })
  }

  /// The page as JSON.
  var object: JSONValue {
    [
      "name": .string(type.name), "summary": .string(type.summary),
      "source": .string(type.source), "configuration": configuration,
      "settings": PolicyPage.json(settings), "declares": .object(declarations),
    ]
  }

  /// The signals that the policy and its reader ask for, by name.
  var signals: [String] {
    policy.signals.union((policy as? any ReadingPolicy)?.reader.signals ?? [])
      .map { "\($0)".replacing("KVPolicyKit.Turned", with: "") }.sorted()
  }

  /// What the policy declares, in a cache of three query heads per key head.
  var declarations: [String: JSONValue] {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 3, headDimension: 64)
    let composition = (policy as? any ComposedPolicy)?.composition
    let reader = (policy as? any ReadingPolicy)?.reader
    let codec = (policy as? any CodingPolicy)?.codec
    let parts = composition.map { parts -> JSONValue in
      [
        "score": .string(Swift.type(of: parts.score).name),
        "budget": .string(Swift.type(of: parts.budget).name),
        "unit": .string(Swift.type(of: parts.unit).name),
        "refine": .string(parts.refinement == nil ? "none" : CriticalRefinement.name),
      ]
    }
    return [
      "parts": parts ?? .null,
      "signals": .array(signals.map { .string($0) }),
      "columnBytes": .integer(
        policy.columns(for: shape).reduce(reader?.bytesPerRow(shape, .f16) ?? 0) {
          $0 + $1.rowBytes
        }),
      "stateBytes": .integer(policy.stateBytes), "phase": .string(policy.phase.rawValue),
      "scope": .string(policy.scope.rawValue),
      "read": reader.map { .string(Swift.type(of: $0).name) } ?? .null,
      "codec": codec.map { .string(Swift.type(of: $0).name) } ?? .null,
      "remembersForgotten": .bool((policy as? any ResidualPolicy)?.residual != nil),
      "revises": .bool(policy is any RevisingPolicy),
    ]
  }

  /// Settings as JSON.
  static func json(_ settings: [Settings.Entry]) -> JSONValue {
    .array(
      settings.map { setting in
        var members: [String: JSONValue] = [
          "name": .string(setting.name), "default": setting.standard,
          "legal": .string(setting.legal), "meaning": .string(setting.meaning),
        ]
        members["artifact"] = setting.artifactKind.map { .string($0) }
        return .object(members)
      })
  }

  func json() -> String { TerminalText.escaped(json: object.text) + "\n" }

  /// The page for people.
  var table: String {
    var text = "\(type.name): \(type.summary)\n\(type.source)\n\n"
    if settings.isEmpty { text += "It has no settings.\n\n" }
    for setting in settings {
      text += "  \(setting.name) (default \(setting.standard.text))\n"
      text += "      \(setting.meaning)\n      \(setting.legal)\n"
    }
    text = TerminalText.wrapped(text)
    // The JSON text is written by hand to keep its order: the policy's name, then the settings as
    // declared.
    let members =
      ["\"policy\": \"\(type.name)\""]
      + defaults.map { "\"\($0.name)\": \($0.value.text)" }
    // Lines break between members only, so that the text stays JSON and can go into a file.
    let bound = members.map { $0.replacing(" ", with: TerminalText.bond) }
    return text + (settings.isEmpty ? "" : "\n") + "configuration with the defaults:\n"
      + TerminalText.wrapped("{" + bound.joined(separator: ", ") + "}") + "\n"
  }
}

/// The settings in other formats.
extension PolicyPage {
  var wideTable: String { table }

  func markdown(isWide: Bool) -> String {
    var table = TextTable(["setting", "default", "legal", "meaning"].map { .init($0, .left) })
    for setting in settings {
      table.add([setting.name, setting.standard.text, setting.legal, setting.meaning])
    }
    return table.markdown()
  }

  var csv: String { ReportText.csv(PolicyPage.settingFields, settings) }

  var jsonLines: String { ReportText.jsonLines(PolicyPage.settingFields, settings) }

  private static var settingFields: [ReportText.Field<Settings.Entry>] {
    [
      ("name", { $0.name }), ("default", { $0.standard }), ("legal", { $0.legal }),
      ("meaning", { $0.meaning }), ("artifact", { $0.artifactKind }),
    ]
  }
}
