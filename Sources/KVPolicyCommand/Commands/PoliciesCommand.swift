import Evaluation
import KVPolicyKit
import Reporting

/// `kvpolicy policies`.
struct PoliciesCommand: Command {
  static let syntax = Syntax(
    name: "policies", summary: "list the policies, or explain one and its settings",
    usage: "[NAME] [options]", operands: 1, operand: .policy,
    options: [Option(flag: "--json", "print JSON"), .format("what is printed")],
    notes: """
      With a NAME the configuration of its defaults is printed, ready for a file. Settings that are
      left out of a file keep their defaults; "layers" gives some layers others, for example
      "layers": {"0-1": {"policy": "full"}}. Every policy also has the settings "chunk", the longest
      chunk in which a prompt is read, and "lastPromptToken", "prefill" or "decode".

      The form 'table' also lists the parts. Other forms have the policies alone, or the settings of NAME.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    try arguments.refuse("--json", with: "--format")
    guard let name = arguments.operands.first else {
      let pages = try registry.names.map { try page($0) }
      return try show(PolicyList(registry: registry, pages: pages), arguments)
    }
    try show(
      CommandError.fromArguments { () throws(PolicyError) in try page(name) }, arguments)
  }

  private func show(_ report: some TabularReport, _ arguments: Arguments) throws {
    if arguments.has("--json") { return try terminal.print(report.json()) }
    try terminal.show(report.formatted(as: format(arguments)))
  }

  private func page(_ name: String) throws(PolicyError) -> PolicyPage {
    let (policy, settings) = try registry.described(name)
    return PolicyPage(policy: policy, settings: settings)
  }
}
