import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy inspect`.
struct InspectCommand: Command {
  static let syntax = Syntax(
    name: "inspect", summary: "show what a model file holds, and whether it would run",
    usage: "[--model PATH] [options]",
    options: [.model, Option(flag: "--json", "print JSON"), .threads],
    notes: """
      Every weight is read, and one token goes through the model: a model that would not run gives an
      error and exit status 1.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    let threads = try threads(arguments)
    let named = model(arguments)
    let files = try open(named, writing: [])
    try files.checkFinite()
    try runOneToken(files, threads: threads)
    let page = ModelPage(files, name: named.name)
    if arguments.has("--json") {
      try terminal.print(TerminalText.escaped(json: page.json.text) + "\n")
    } else {
      try terminal.show(page.text)
    }
  }

  private func runOneToken(_ files: ModelFiles, threads: Int) throws {
    let model = LlamaModel(files, threads: threads)
    let store = try PagedKVStore(shape: model.shape)
    let session = try model.makeSession(Comparison.reference, registry: registry, in: store)
    try session.prefill([files.configuration.bosToken ?? 0])
  }
}
