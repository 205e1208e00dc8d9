import Evaluation
import KVPolicyKit
import Reporting

/// `kvpolicy policies`.
struct PoliciesCommand: Command {
  static let syntax = Syntax(
    name: "policies", summary: "list the policies, or explain one and its settings",
    usage: "[NAME] [options]", operands: 1, operand: .policy,
    options: [Option(flag: "--json", "print JSON")],
    notes: """
      With a NAME the configuration of its defaults is printed, ready for a file. Settings that are
      left out of a file keep their defaults; "layers" gives some layers others, for example
      "layers": {"0-1": {"policy": "full"}}. Every policy also has the settings "chunk", the longest
      chunk in which a prompt is read, and "lastPromptToken", "prefill" or "decode".
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    guard let name = arguments.operands.first else {
      let pages = try registry.names.map { try page($0) }
      return try show(try everything(pages), or: list(pages), arguments)
    }
    let chosen = try CommandError.fromArguments { () throws(PolicyError) in try page(name) }
    try show(chosen.json, or: chosen.text, arguments)
  }

  private func show(
    _ json: JSONValue, or text: String, _ arguments: Arguments
  ) throws(CommandError) {
    guard arguments.has("--json") else { return try terminal.show(text) }
    try terminal.print(TerminalText.escaped(json: json.text) + "\n")
  }

  private func page(_ name: String) throws(PolicyError) -> PolicyPage {
    let (policy, settings) = try registry.described(name)
    return PolicyPage(policy: policy, settings: settings)
  }

  private func list(_ pages: [PolicyPage]) -> String {
    let lines = pages.map { ($0.type.name, $0.type.summary + $0.needs) }
    let parts = parts.map { setting, kinds in
      let owner = ["read", "codec"].contains(setting) ? "any policy" : "a composed policy"
      return TerminalText.list(
        [(setting, "a part of \(owner)")]
          + kinds.map { ($0.name, $0.summary) })
        + "\n\n"
    }
    return TerminalText.list([("policy", "what it keeps")] + lines) + "\n\n" + parts.joined()
      + "'kvpolicy policies NAME' explains one and its settings.\n"
  }

  /// The kinds of parts by the setting that names them.
  private var parts: [(setting: String, kinds: [any PolicyPart.Type])] {
    [
      ("score", registry.parts.scores.map { $0 }), ("budget", registry.parts.budgets.map { $0 }),
      ("unit", registry.parts.units.map { $0 }), ("read", registry.parts.readers.map { $0 }),
      ("codec", registry.parts.codecs.map { $0 }),
    ]
  }

  /// All policies and parts with their settings, as JSON.
  private func everything(_ pages: [PolicyPage]) throws(PolicyError) -> JSONValue {
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
    return [
      "policies": .array(pages.map { $0.json }), "parts": .object(described),
      "artifacts": .array(kinds.sorted().map { .string($0) }),
      "everyPolicy": PolicyPage.json(registry.sharedSettings),
    ]
  }
}

/// The page that `policies` prints about a policy.
private struct PolicyPage {
  /// The policy of the default settings.
  let policy: any KVCachePolicy
  let settings: [Settings.Entry]

  /// The policy's type.
  var type: any KVCachePolicy.Type { Swift.type(of: policy) }

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

  /// The artifacts without which the policy cannot run, for a list; empty if it needs none.
  var needs: String {
    let names = settings.filter { $0.artifactKind != nil && $0.standard == .null }.map(\.name)
    return names.isEmpty ? "" : " (needs \(names.joined(separator: ", ")))"
  }

  /// The policy's configuration with the defaults of all settings.
  private var configuration: JSONValue {
    .object(
      Dictionary([("policy", .string(type.name))] + defaults.map { ($0.name, $0.value) }) { $1 })
  }

  /// The page as JSON.
  var json: JSONValue {
    [
      "name": .string(type.name), "summary": .string(type.summary),
      "source": .string(type.source), "configuration": configuration,
      "settings": PolicyPage.json(settings), "declares": declarations,
    ]
  }

  /// What the policy declares, in a cache of three query heads per key head.
  private var declarations: JSONValue {
    let shape = CacheShape(layers: 1, keyHeads: 1, queryHeads: 3, headDimension: 64)
    let composition = (policy as? any ComposedPolicy)?.composition
    let reader = (policy as? any ReadingPolicy)?.reader
    let codec = (policy as? any CodingPolicy)?.codec
    let signals = policy.signals.union(reader?.signals ?? [])
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
      "signals": .array(
        signals.map { "\($0)".replacing("KVPolicyKit.Turned", with: "") }.sorted()
          .map { .string($0) }),
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

  /// The page for people.
  var text: String {
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
