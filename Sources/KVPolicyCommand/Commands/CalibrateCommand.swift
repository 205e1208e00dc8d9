import Evaluation
import KVPolicyKit
import ReferenceModel
import Reporting

/// `kvpolicy calibrate`.
struct CalibrateCommand: Command {
  private static let names = Calibration.Policy.allCases.map(\.rawValue)
  private static let measures = Calibration.HeadMeasure.allCases.map(\.rawValue)

  static let syntax = Syntax(
    name: "calibrate", summary: "measure on a text what a policy needs to know of a model",
    usage: "NAME --text FILE --out FILE [--model PATH] [options]", operands: 1,
    operand: .words(names),
    options: [
      .model,
      Option("--text", "FILE", "the text to read"),
      Option("--out", "FILE", "write what was measured, as safetensors"),
      .special,
      Option(
        "--tokens", "COUNT", "tokens of the text that are read",
        default: "\(Calibration.Default.tokens)"),
      Option(
        "--measure", measures.joined(separator: "|"), "what duoattention measures",
        default: Calibration.HeadMeasure.ablation.rawValue),
      .threads,
    ],
    notes: """
      NAME is the policy: baklava or duoattention. Nothing is trained.

      baklava: how much attention changes what goes into each head and layer, in one pass over the
      text. duoattention: how far the model's predictions move when one head alone forgets all but
      the first and the latest tokens, in a pass for every head; with '--measure mean-query', how
      far back the mean query of the text attends to the mean key, in one pass. prulong reads this
      file too.

      The file names the model, which it fits in any quantisation. A configuration names the file:
      {"policy": "baklava", "profile": "FILE"} or {"policy": "duoattention", "headTable": "FILE"}.
      A FILE of '-' after --text is standard input.
      """)

  let registry: PolicyRegistry
  let terminal: Terminal

  func run(_ arguments: Arguments) throws {
    guard let name = arguments.operands.first else {
      throw CommandError.usage(
        "a policy is missing; name one of \(CalibrateCommand.names.joined(separator: ", "))")
    }
    guard let policy = Calibration.Policy(rawValue: name) else {
      throw CommandError.usage(
        "'\(name)' cannot be calibrated\(suggestion(for: name, among: CalibrateCommand.names)); "
          + "there are \(CalibrateCommand.names.joined(separator: ", "))")
    }
    let heads = try arguments.choice("--measure", of: Calibration.HeadMeasure.self)
    guard heads == nil || policy == .duoattention else {
      throw CommandError.usage("--measure has no effect for \(name); leave it out")
    }
    let (text, path) = (try arguments.required("--text"), try arguments.required("--out"))
    guard path != "-" else { throw CommandError.usage("--out cannot be '-'; name a file") }
    guard path.lowercased().hasSuffix(".safetensors") else {
      throw CommandError.usage("--out cannot be '\(path)'; name a file that ends in .safetensors")
    }
    let tokens =
      try arguments.integer("--tokens", in: 1...Calibration.mostTokens)
      ?? Calibration.Default.tokens
    let (special, threads) = (try findsSpecial(arguments), try threads(arguments))
    let model = model(arguments)
    let out = try output(path, not: [model.path, text])
    let given = (text: try input(text).text(), name: input(text).name)

    let files = try open(model, writing: [out])
    let reading = try Reading(given, special: special, for: files, tokens: tokens)
    if reading.isForeign {
      terminal.note(
        "the model speaks the language of the tasks and the text does not, so the figures mean "
          + "little; 'kvpolicy document' prints a text that it knows")
    }
    var calibration = Calibration(policy, model: LlamaModel(files, threads: threads))
    calibration.tokens = tokens
    calibration.textName = reading.name
    calibration.headMeasure = heads ?? .ablation
    let result = try measure(calibration, reading.tokens)
    try out?.write(
      ArtifactFiles.bytes(
        kind: result.kind, model: calibration.model.identity, recipe: result.recipe,
        tensors: result.tensors))
    try terminal.show(summary(result, of: name, path))
  }

  private func measure(_ calibration: Calibration, _ text: [Int]) throws -> Calibration.Result {
    var bar = ProgressBar(terminal: terminal)
    defer { bar.clear() }
    return try calibration.run(text) { bar.show($0) }
  }

  private func summary(_ result: Calibration.Result, of name: String, _ path: String) -> String {
    let lines = result.tensors.sorted { $0.key < $1.key }.map { name, tensor in
      let (least, most) = (tensor.values.min() ?? 0, tensor.values.max() ?? 0)
      return (
        name,
        tensor.shape.map { "\($0)" }.joined(separator: " × ") + " numbers, "
          + "\(Quantities.fixed(Double(least), 3)) to \(Quantities.fixed(Double(most), 3))"
      )
    }
    return TerminalText.wrapped("\(name): \(result.recipe)") + "\n\n" + TerminalText.list(lines)
      + "\n\n" + TerminalText.wrapped("\(result.kind) written to \(path)") + "\n"
  }
}
